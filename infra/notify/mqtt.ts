/** Alerts as MQTT messages, QoS 1: the broker's acknowledgement is the answer that it has arrived. */
import type { Buffer } from 'node:buffer';
import type { MqttNotifierConfig } from '../../alerts/notifier-config.js';
import type { Notifier } from '../../alerts/ports.js';
import { WorldError } from '../../domain/errors.js';
import type { NotificationRecord } from '../../domain/notification.js';
import { abortion } from './abortion.js';
import { commonValue, encodeMessage } from './message.js';

/** Resolves when the broker has acknowledged; rejects when it cannot be reached or refuses. */
export type PublishAlert = (
  topic: string,
  payload: Buffer,
  options: { readonly qos: 1; readonly retain: boolean },
) => Promise<void>;

export class MqttNotifier implements Notifier {
  readonly name: string;
  readonly #config: MqttNotifierConfig;
  readonly #publish: PublishAlert;

  constructor(config: MqttNotifierConfig, publish: PublishAlert) {
    this.name = config.name;
    this.#config = config;
    this.#publish = publish;
  }

  async send(notification: NotificationRecord, signal: AbortSignal): Promise<void> {
    const topic = topicOf(this.#config.topic, notification);
    const timeout = AbortSignal.timeout(this.#config.timeoutMs);
    const stop = AbortSignal.any([signal, timeout]);
    const published = this.#publish(topic, encodeMessage(notification), {
      qos: 1,
      retain: this.#config.retain === 'newest',
    });
    try {
      await Promise.race([published, abortion(stop)]);
    } catch (cause) {
      if (cause instanceof WorldError) throw cause;
      const what = signal.aborted
        ? 'was left while millwright stops'
        : timeout.aborted
          ? `was not acknowledged within ${this.#config.timeoutMs} ms`
          : `failed (${cause instanceof Error ? cause.message : String(cause)})`;
      throw new WorldError(
        timeout.aborted ? 'timeout' : 'unreachable',
        `notifier "${this.name}": publishing to ${topic} ${what}`,
        { retryable: true, cause },
      );
    }
  }
}

/** Characters that would make levels or wildcards become `_`, and so does what the alerts of a group differ in. */
function topicOf(template: string, notification: NotificationRecord): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) =>
    (commonValue(notification, name as 'machine') || '_').replace(/[/+#\0]/g, '_'),
  );
}
