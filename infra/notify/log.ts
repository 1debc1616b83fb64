/** Alerts as lines of the process's log, or of the terminal: whatever stands behind `AlertLogger`. */
import type { Notifier } from '../../alerts/ports.js';
import type { AlertRecord } from '../../domain/alert.js';
import type { NotificationRecord } from '../../domain/notification.js';

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

  send({ alerts, changed, group, summary }: NotificationRecord): Promise<void> {
    const [first] = alerts;
    const fields =
      group || !first
        ? { group, alertIds: alerts.slice(0, changed).map(({ alertId }) => alertId) }
        : fieldsOf(first);
    const bad = alerts.some(
      ({ state, transition }) =>
        (state === 'firing' && !['acknowledged', 'assigned', 'commented'].includes(transition)) ||
        transition === 'not-assessable',
    );
    if (bad) this.#logger.warn(fields, summary);
    else this.#logger.info(fields, summary);
    return Promise.resolve();
  }
}

function fieldsOf({ alertId, transition, state, severity, machine, value, timeMs }: AlertRecord): object {
  return { alertId, transition, state, severity, machine, value, timeMs };
}
