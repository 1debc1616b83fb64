import type { HealthReport } from '../infra/http/ports.js';
import type { KafkaObserver } from '../infra/kafka/observer.js';
import type { Logger } from './logger.js';

/** What the consumers of this process struggle with: for the health report, the metrics and the log file. */
export class LogTrouble implements KafkaObserver {
  readonly #logger: Logger;
  readonly #problems = new Map<string, string>();
  readonly #rebalances = new Map<string, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** By group: how often it was assigned partitions here. */
  get rebalances(): ReadonlyMap<string, number> {
    return this.#rebalances;
  }

  onProblem(group: string, problem: string | null): void {
    if (problem === null) {
      if (this.#problems.delete(group)) this.#logger.info({ group }, 'the log works again');
    } else {
      if (this.#problems.get(group) !== problem) this.#logger.warn({ group }, problem);
      this.#problems.set(group, problem);
    }
  }

  onNotice(sentence: string): void {
    this.#logger.warn({}, sentence);
  }

  onRebalance(group: string): void {
    this.#rebalances.set(group, (this.#rebalances.get(group) ?? 0) + 1);
  }

  health(): HealthReport['checks'] {
    return [...this.#problems].map(([name, problem]) => ({
      name: `log of ${name}`,
      status: 'degraded',
      detail: `${problem}; it is tried again, nothing is lost`,
    }));
  }
}
