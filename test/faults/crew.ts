/** Processes of the plant under a supervisor, as an operator runs them: what ends by itself is started again. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MillwrightProcess, startMillwright } from '../scenarios/millwright-process.js';

const restartAfterMs = 1000;
/** A process that was told to stop and does not is killed after this long: far longer than it takes where nothing is wrong. */
const graceMs = 300_000;

export interface SelfEnded {
  readonly name: string;
  readonly exitCode: number | null;
  /** The last lines on stderr. */
  readonly lastWords: string;
}

export class Member {
  readonly name: string;
  readonly #args: readonly string[];
  readonly #cleanUp: { after(end: () => void): void };
  readonly #onSelfEnded: (end: SelfEnded) => void;
  #process: MillwrightProcess | undefined;
  #wanted = false;
  /** Highest resident memory seen, in bytes, per process that this member has been. */
  readonly rssBytes: number[] = [];
  /** How often it had to be killed since it did not stop. */
  hung = 0;

  constructor(
    name: string,
    args: readonly string[],
    cleanUp: { after(end: () => void): void },
    onSelfEnded: (end: SelfEnded) => void,
  ) {
    this.name = name;
    this.#args = args;
    this.#cleanUp = cleanUp;
    this.#onSelfEnded = onSelfEnded;
  }

  start(): void {
    this.#wanted = true;
    this.#launch();
  }

  /** SIGKILL. Stays down until `start`. */
  async kill(): Promise<void> {
    this.#wanted = false;
    this.#process?.kill('SIGKILL');
    await this.#process?.ended;
  }

  /** SIGTERM, and its good end. */
  async stop(): Promise<void> {
    this.#wanted = false;
    const running = this.#process;
    if (!running) return;
    running.kill('SIGTERM');
    const patience = new AbortController();
    const tooLong = sleep(graceMs, 'hung', { signal: patience.signal }).catch(() => 'ended');
    if ((await Promise.race([running.ended, tooLong])) === 'hung') {
      this.hung++;
      running.kill('SIGKILL');
    }
    patience.abort();
    await running.ended;
  }

  /** Resolves when it has printed the text; rejects when it ends without. */
  said(text: string): Promise<void> {
    return this.#process?.said(text) ?? Promise.reject(new Error(`${this.name} does not run`));
  }

  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Notes the resident memory. */
  measure(): void {
    const pid = this.#process?.pid;
    if (pid === undefined || !this.#wanted) return;
    try {
      const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
      const now = pages * 4096;
      this.rssBytes.push(Math.max(this.rssBytes.pop() ?? 0, now));
    } catch {
      // It has just ended.
    }
  }

  #launch(): void {
    const running = startMillwright(this.#cleanUp, this.#args);
    this.#process = running;
    this.rssBytes.push(0);
    void running.ended.then(async ({ exitCode, stderr }) => {
      if (!this.#wanted || this.#process !== running) return;
      const lastWords = stderr.trimEnd().split('\n').slice(-8).join(' / ');
      this.#onSelfEnded({ name: this.name, exitCode, lastWords });
      await sleep(restartAfterMs);
      if (this.#wanted && this.#process === running) this.#launch();
    });
  }
}
