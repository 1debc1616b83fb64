/** The program itself as a child process: what it prints, how it ends. */
import { spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Ledger } from '../../app/ledger.js';

const main = fileURLToPath(new URL('../../app/main.js', import.meta.url));

/** How a process ended, and all that it printed. */
export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MillwrightProcess {
  readonly pid: number | undefined;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): void;
  /** The first JSON line on stderr that `wanted` accepts; rejects when the process ends without one. */
  line(wanted: (fields: LogLine) => boolean): Promise<LogLine>;
  /** Resolves when stderr holds the text; rejects when the process ends without it. */
  said(text: string): Promise<void>;
}

/** A line of the process's log. */
export interface LogLine {
  readonly msg: string;
  readonly url?: string;
}

/** Starts `millwright` with these arguments. Killed at the end of the test, whatever happened. */
export function startMillwright(t: Pick<TestContext, 'after'>, args: readonly string[]): MillwrightProcess {
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  t.after(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  const waiting = new Set<() => void>();
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    for (const look of waiting) look();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }));
  });
  /** What `look` finds in stderr, as soon as it is there. */
  const seen = <T>(look: () => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const lookAgain = (): void => {
        const found = look();
        if (found === undefined) return;
        waiting.delete(lookAgain);
        resolve(found);
      };
      waiting.add(lookAgain);
      lookAgain();
      void ended.then((end) => reject(new Error(`the process ended before that:\n${end.stderr}`)), reject);
    });
  return {
    pid: child.pid,
    ended,
    kill: (signal) => void child.kill(signal),
    line: (wanted) => seen(() => logLines(stderr).find(wanted)),
    said: async (text) => void (await seen(() => (stderr.includes(text) ? text : undefined))),
  };
}

/** Runs `millwright` to its end. */
export function runMillwright(t: Pick<TestContext, 'after'>, args: readonly string[]): Promise<Ended> {
  return startMillwright(t, args).ended;
}

/** Resolves with the address of the broker once it takes messages. */
export async function brokerOf(running: MillwrightProcess): Promise<URL> {
  const { url = '' } = await running.line(({ msg }) => msg.startsWith('taking messages'));
  return new URL(url);
}

/** Resolves with the account that the running process gives on its page. */
export async function askPage(running: MillwrightProcess): Promise<Ledger> {
  const { url = '' } = await running.line(({ msg }) => msg.startsWith('the page is at'));
  const response = await fetch(new URL('/api/v1/ledger', url));
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return (await response.json()) as Ledger;
}

/** The whole lines of a log that are JSON. */
export function logLines(text: string): LogLine[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as LogLine);
}
