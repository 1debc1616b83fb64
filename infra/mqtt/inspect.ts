/** What an MQTT broker says about itself: for `millwright doctor`. Leaves no session behind. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type IConnackPacket, type MqttClient } from 'mqtt';
import { WorldError } from '../../domain/errors.js';
import { classifyMqttError, clientOptions, endClient, type MqttConnectionInput } from './connection.js';

export interface BrokerFacts {
  /** As the broker's `$SYS` topics say, such as `mosquitto version 2.0.11`; undefined where we are not let see them. */
  readonly version: string | undefined;
  /** Messages that it has dropped since its start, of all its clients; undefined likewise. */
  readonly droppedCount: number | undefined;
  /** Of CONNACK (MQTT 5 §3.2.2.3); MQTT 3.1.1 says nothing, which counts as able. */
  readonly qosMax: number;
  readonly sharedSubscriptions: boolean;
}

const topics = {
  version: '$SYS/broker/version',
  dropped: '$SYS/broker/publish/messages/dropped',
} as const;
const connectMs = 5000;
/** Retained messages follow the subscription at once. */
const listenMs = 500;

/** Rejects with WorldError when it cannot be reached or refuses us. */
export async function inspectBroker(
  input: MqttConnectionInput & { readonly protocolVersion: 4 | 5 },
): Promise<BrokerFacts> {
  const { url } = input;
  const client = connect(url, {
    ...clientOptions(input),
    clientId: `millwright-doctor-${randomUUID().slice(0, 8)}`,
    clean: true,
    reconnectPeriod: 0,
  });
  try {
    const { properties = {} } = await connected(client, url);
    const heard = new Map<string, string>();
    client.on('message', (topic, payload) => heard.set(topic, payload.toString()));
    await client.subscribeAsync(Object.values(topics)).catch(() => {});
    for (let waitedMs = 0; waitedMs < listenMs && heard.size < 2; waitedMs += 50) await sleep(50);
    const dropped = Number(heard.get(topics.dropped) ?? Number.NaN);
    return {
      version: heard.get(topics.version),
      droppedCount: Number.isNaN(dropped) ? undefined : dropped,
      qosMax: properties.maximumQoS ?? 2,
      sharedSubscriptions: properties.sharedSubscriptionAvailable ?? true,
    };
  } finally {
    await endClient(client, 'with goodbye');
  }
}

function connected(client: MqttClient, url: string): Promise<IConnackPacket> {
  return new Promise((resolve, reject) => {
    const silent = () =>
      reject(
        new WorldError('unreachable', `no answer from the MQTT broker at ${url} in ${connectMs} ms`, {
          retryable: true,
        }),
      );
    const timer = setTimeout(silent, connectMs);
    client.once('connect', (packet) => {
      clearTimeout(timer);
      resolve(packet);
    });
    client.on('error', (error) => {
      clearTimeout(timer);
      reject(classifyMqttError(error, url));
    });
    client.connect();
  });
}
