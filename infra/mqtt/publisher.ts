/** Publishes to an MQTT broker at QoS 1: for replays, simulations, the demo and the MQTT notifier. */
import { Buffer } from 'node:buffer';
import { connect } from 'mqtt';
import { WorldError } from '../../domain/errors.js';
import {
  classifyMqttError,
  clientOptions,
  endClient,
  type MqttConnectionInput,
  openConnection,
} from './connection.js';

export interface PublisherOptions extends MqttConnectionInput {
  /** Default: a random one. */
  readonly clientId?: string;
  /** Publications without an acknowledgement at a time; `publish` waits while there are so many. Default 1000. */
  readonly inFlightMax?: number;
  /** How long the first connection may take, attempts included. Default 10 s. */
  readonly startMs?: number;
  readonly onProblem?: (sentence: string) => void;
}

export interface Publisher {
  /**
   * Resolves when the broker has acknowledged. While the connection is lost it waits and is sent again, so the broker
   * may see it twice. Rejects with WorldError 'closed' when the publisher ends before that. In order of the calls.
   */
  publish(topic: string, payload: string | Uint8Array, retain?: 'retain'): Promise<void>;
  /** Waits up to `drainMs` (default 10 s) for acknowledgements, then disconnects; idempotent. */
  end(drainMs?: number): Promise<void>;
}

/** Resolves when connected. Rejects with WorldError when the broker refuses, or cannot be reached within `startMs`. */
export async function connectPublisher(options: PublisherOptions): Promise<Publisher> {
  const { url, inFlightMax = 1000, onProblem = () => {}, startMs = 10_000 } = options;
  const client = connect(url, {
    // Both kinds of broker speak 3.1.1, and nothing of 5 is needed to publish.
    ...clientOptions({ ...options, protocolVersion: options.protocolVersion ?? 4 }),
    ...(options.clientId === undefined ? {} : { clientId: options.clientId }),
    clean: true,
  });
  await openConnection({ client, url, startMs, onProblem, onConnected: () => Promise.resolve() });
  let inFlight = 0;
  let ending: Promise<void> | undefined;
  let stopped = false;
  const closed = (): WorldError =>
    new WorldError('closed', `the publisher ended before ${url} had acknowledged the message`, {
      retryable: false,
    });
  const waiting: (() => void)[] = [];
  const idle: (() => void)[] = [];

  const release = (): void => {
    const next = waiting.shift();
    if (next) next();
    else if (--inFlight === 0) for (const resolve of idle.splice(0)) resolve();
  };

  /** Publications under way: mqtt.js never settles those that it holds when it is ended. */
  const underWay = new Set<(error: unknown) => void>();

  const send = (topic: string, payload: Buffer, retain: boolean): Promise<void> =>
    new Promise<void>((resolve, reject) => {
      underWay.add(reject);
      client.publish(topic, payload, { qos: 1, retain }, (error) => {
        underWay.delete(reject);
        if (error) reject(classifyMqttError(error, url));
        else resolve();
      });
    }).finally(release);

  return {
    publish: async (topic, payload, retain) => {
      if (ending) throw closed();
      // A slot that is handed over stays counted, so that nobody can come between.
      if (inFlight < inFlightMax) inFlight++;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      if (stopped) {
        release();
        throw closed();
      }
      await send(topic, Buffer.from(payload), retain === 'retain');
    },
    end: (drainMs = 10_000) => {
      ending ??= (async () => {
        if (inFlight > 0) {
          let timer: ReturnType<typeof setTimeout> | undefined;
          await new Promise<void>((resolve) => {
            idle.push(resolve);
            timer = setTimeout(resolve, drainMs);
          });
          clearTimeout(timer);
        }
        stopped = true;
        for (const reject of underWay) reject(closed());
        await endClient(client, inFlight > 0 ? 'at once' : 'with goodbye');
      })();
      return ending;
    },
  };
}
