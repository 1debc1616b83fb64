/** A process whose processor time and memory are watched from outside, so that every subject is measured alike. Linux. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { readUsage } from '../../test/services/program.js';

export interface Usage {
  /** Of all threads, from its start. */
  readonly cpuS: number;
  readonly rssMbMax: number;
  readonly wallS: number;
}

const lookEveryMs = 20;

export class MeasuredProcess {
  readonly child: ChildProcess;
  readonly #beganMs = performance.now();
  #usage: Usage = { cpuS: 0, rssMbMax: 0, wallS: 0 };
  #output = '';
  readonly #watching: Promise<void>;

  constructor(command: string, args: readonly string[], options: { readonly cwd?: string } = {}) {
    this.child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (text: Buffer) => {
        this.#output = (this.#output + text.toString()).slice(-4000);
      });
    this.#watching = this.#watch();
  }

  /** The end of what it has printed. */
  get output(): string {
    return this.#output;
  }

  /** Up to now. */
  usage(): Usage {
    const now = this.child.pid === undefined ? undefined : readUsage(this.child.pid);
    if (now) this.#usage = { ...now, wallS: (performance.now() - this.#beganMs) / 1000 };
    return this.#usage;
  }

  /** From its start to its end; rejects when it fails. */
  async ended(): Promise<Usage> {
    await this.#watching;
    const { exitCode, signalCode } = this.child;
    if (exitCode !== 0)
      throw new Error(`${this.child.spawnfile} ended with ${exitCode ?? signalCode}: ${this.#output}`);
    return this.#usage;
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    await this.#watching;
  }

  async #watch(): Promise<void> {
    const closed = once(this.child, 'close');
    closed.catch(() => {}); // Told by the await below.
    while (this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined) {
      this.usage();
      await sleep(lookEveryMs);
    }
    await closed;
  }
}
