/** Alerts as lines of the process's log, or of the terminal: whatever stands behind `AlertLogger`. */
import type { Notifier } from '../../alerts/ports.js';
import type { AlertRecord } from '../../domain/alert.js';

/** The part of a pino logger that is used. A terminal prints the sentence and leaves the fields. */
export interface AlertLogger {
  info(fields: object, sentence: string): void;
  warn(fields: object, sentence: string): void;
}

export class LogNotifier implements Notifier {
  readonly name: string;
  readonly #logger: AlertLogger;

  constructor(name: string, logger: AlertLogger) {
    this.name = name;
    this.#logger = logger;
  }

  send(alert: AlertRecord): Promise<void> {
    const { alertId, transition, state, severity, machine, value, timeMs } = alert;
    const fields = { alertId, transition, state, severity, machine, value, timeMs };
    const bad = state === 'firing' && transition !== 'acknowledged';
    if (bad || transition === 'not-assessable') this.#logger.warn(fields, alert.summary);
    else this.#logger.info(fields, alert.summary);
    return Promise.resolve();
  }
}
