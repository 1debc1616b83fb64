/** What a command found, in both forms. `human` is only made when it is shown. */
export interface Result {
  /** Stable: scripts read it. Anything JSON.stringify takes; never NaN (it becomes null). */
  readonly json: unknown;
  readonly human: () => string;
}

/** Every command ends with this: with `--json` one JSON document on stdout, else text for people. */
export function printResult(
  result: Result,
  asJson: boolean,
  write: (text: string) => void = (text) => void process.stdout.write(text),
): void {
  write(`${asJson ? JSON.stringify(result.json, null, 2) : result.human()}\n`);
}
