import type { Consumer, ConsumerOptions, Log } from '../domain/log.js';
import type { HealthReport } from '../infra/http/ports.js';

/** What has been started, whether it still runs, and how to stop it again. */
export class Running {
  readonly #closers: (() => Promise<unknown>)[] = [];
  /** Group → what stopped its consumer. */
  readonly #stopped = new Map<string, unknown>();
  /** Rejects with the first failure of a part; never resolves. */
  readonly failed: Promise<never>;
  readonly fail: (error: unknown) => void;

  constructor() {
    let reject: (error: unknown) => void = () => {};
    this.failed = new Promise<never>((_, fail) => {
      reject = fail;
    });
    this.fail = reject;
    // Whoever wants to know awaits it; nobody has to.
    this.failed.catch(() => {});
  }

  /** Closing goes backwards: what comes late in the way of the data is started, and so named here, first. */
  closeLater(close: () => Promise<unknown>): void {
    this.#closers.push(close);
  }

  /** Starts a consumer whose end is noticed. It is the caller's to close. */
  watch(log: Log, options: ConsumerOptions): Consumer {
    const consumer = log.consume(options);
    consumer.done.catch((error: unknown) => {
      this.#stopped.set(options.group, error);
      this.fail(error);
    });
    return consumer;
  }

  /** As `watch`; at the end it finishes what the log holds, unless it has failed. */
  consume(log: Log, options: ConsumerOptions): void {
    const consumer = this.watch(log, options);
    this.closeLater(() => consumer.close({ drain: !this.#stopped.has(options.group) }));
  }

  /** A check per consumer that has stopped. */
  stopped(): HealthReport['checks'] {
    return [...this.#stopped].map(([name, error]) => ({
      name,
      status: 'down',
      detail: `the stage has stopped: ${error instanceof Error ? error.message : String(error)}; restart, nothing is lost`,
    }));
  }

  /** Closes everything, even if a part cannot; then throws the first failure. */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (const close of this.#closers.splice(0).toReversed())
      await close().catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  }
}
