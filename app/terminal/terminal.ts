/** Where a command prints, and what it may use there. */
import type { Writable } from 'node:stream';
import pc from 'picocolors';

/** What a colour means; there is always a word beside it. */
export interface Paint {
  good(text: string): string;
  warning(text: string): string;
  critical(text: string): string;
  /** Secondary text. */
  dim(text: string): string;
  bold(text: string): string;
}

export interface Terminal {
  readonly stream: Writable;
  /** True: a person watches and lines can be redrawn. False: a file or a pipe; plain lines only. */
  readonly moves: boolean;
  columns(): number;
  readonly paint: Paint;
  print(line: string): void;
}

export interface TerminalStream extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * Progress and live regions go to stderr, results to stdout, so that `millwright ... --json > file` keeps both apart.
 * Colours follow NO_COLOR and FORCE_COLOR (no-color.org); lines move only on a terminal that is not "dumb" and not in CI.
 */
export function makeTerminal(
  stream: TerminalStream,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Terminal {
  const isTty = stream.isTTY === true;
  const moves = isTty && environment.TERM !== 'dumb' && !environment.CI;
  const colour = environment.NO_COLOR
    ? false
    : environment.FORCE_COLOR
      ? true
      : isTty && environment.TERM !== 'dumb';
  const colours = pc.createColors(colour);
  return {
    stream,
    moves,
    columns: () => stream.columns ?? 100,
    paint: {
      good: colours.green,
      warning: colours.yellow,
      critical: (text) => colours.bold(colours.red(text)),
      dim: colours.dim,
      bold: colours.bold,
    },
    print: (line) => {
      stream.write(`${line}\n`);
    },
  };
}
