/**
 * Alerts as records of a topic that others read. The key is the alert, or what a group has in common, so that each keeps its
 * order; the acknowledgement of all replicas in sync is the answer that it has arrived.
 */
import type { KafkaNotifierConfig } from '../../alerts/notifier-config.js';
import type { Notifier } from '../../alerts/ports.js';
import { WorldError } from '../../domain/errors.js';
import type { NotificationRecord } from '../../domain/notification.js';
import { partitionOf } from '../../domain/topics.js';
import { KafkaClient } from '../kafka/client.js';
import { connectionConfig } from '../kafka/connection.js';
import { KafkaProducer } from '../kafka/producer.js';
import { makeWire } from '../kafka/wire.js';
import { abortion } from './abortion.js';
import { encodeMessage } from './message.js';

/** Kafka asks every producer for one; here no transactions are made. */
const transactionTimeoutMs = 60_000;

export class KafkaNotifier implements Notifier {
  readonly name: string;
  readonly #topic: string;
  readonly #client: KafkaClient;
  readonly #producer: KafkaProducer;

  constructor(config: KafkaNotifierConfig) {
    this.name = config.name;
    this.#topic = config.topic;
    const name = `Kafka at ${config.brokers.join(', ')}`;
    this.#client = new KafkaClient(makeWire(connectionConfig(config)).cluster(), name);
    this.#producer = new KafkaProducer(this.#client, {
      retryMs: config.timeoutMs,
      transactionTimeoutMs,
      compression: 0,
    });
  }

  async send(notification: NotificationRecord, signal: AbortSignal): Promise<void> {
    try {
      await Promise.race([this.#append(notification), abortion(signal)]);
    } catch (cause) {
      const left = signal.aborted ? 'was left while millwright stops' : undefined;
      const failure = cause instanceof WorldError ? cause : undefined;
      if (!left && !failure) throw cause;
      throw new WorldError(
        left ? 'closed' : (failure?.code ?? 'unreachable'),
        `notifier "${this.name}": topic ${this.#topic}: ${left ?? failure?.message}`,
        // A topic that is missing can be made, and nothing is lost meanwhile.
        { retryable: failure?.code !== 'too-large' && failure?.code !== 'unauthorized', cause },
      );
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #append(notification: NotificationRecord): Promise<void> {
    const { alerts, group, timeMs } = notification;
    const key = group ? JSON.stringify(group) : (alerts[0]?.alertId ?? '');
    const partition = partitionOf(key, await this.#client.partitionCount(this.#topic));
    const record = { key, value: encodeMessage(notification), timeMs };
    await this.#producer.send([{ topic: this.#topic, partition, record }]);
  }
}
