/** Messages of an outside MQTT broker, each acknowledged when the log has it. */
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type IClientSubscribeOptions, type MqttClient } from 'mqtt';
import { z } from 'zod';
import { durationMs } from '../../domain/duration.js';
import { UserError, WorldError } from '../../domain/errors.js';
import { Acknowledgements } from './acknowledgements.js';
import {
  classifyMqttError,
  clientOptions,
  endClient,
  type MqttConnectionInput,
  mqttConnectionFields,
  openConnection,
} from './connection.js';

export const mqttSourceConfigSchema = z.strictObject({
  ...mqttConnectionFields,
  clientId: z
    .string()
    .min(1)
    .max(128)
    .default('millwright-ingest')
    .describe(
      'Name of the session at the broker, which keeps messages while we are away. Each process needs its own, and ' +
        'the same one after a restart.',
    ),
  sharedGroup: z
    .string()
    .regex(/^[^/+#]+$/, 'must not hold /, + or #')
    .optional()
    .describe(
      'With several ingest processes: the name of their shared subscription, so that each message goes to one. Mosquitto ' +
        'forgets it at a restart: where that must lose nothing, give each process topics of its own instead.',
    ),
  receiveMaximum: z
    .number()
    .int()
    .min(1)
    .max(65_535)
    .default(1000)
    .describe('Messages that the broker may send ahead of our acknowledgements (MQTT 5), and that we hold.'),
  pendingBytesMax: z
    .number()
    .int()
    .min(1)
    .default(67_108_864)
    .describe('While payloads of this many bytes wait for the log, nothing more is read.'),
  sessionExpiryMs: durationMs
    .default(7 * 86_400_000)
    .describe('How long the broker keeps the session while we are away (MQTT 5).'),
});
export type MqttSourceConfig = z.output<typeof mqttSourceConfigSchema>;

export interface MqttSourceOptions extends MqttConnectionInput {
  readonly clientId: string;
  /** Topic filters, subscribed at QoS 1. */
  readonly topics: readonly string[];
  /**
   * Called in order, many at a time; resolves when the message may be acknowledged. A rejection ends the source.
   * `retained`: the broker had kept the message, and sends it because we have subscribed.
   */
  readonly onPublish: (topic: string, payload: Uint8Array, retained?: 'retained') => Promise<unknown>;
  readonly sharedGroup?: string | undefined;
  readonly receiveMaximum?: number;
  readonly pendingBytesMax?: number;
  readonly sessionExpiryMs?: number;
  /** Retained messages on a topic that say whether we are there: `absent` also when the connection is lost. */
  readonly presence?:
    | { readonly topic: string; readonly present: string; readonly absent: string }
    | undefined;
  /** Sentences about connections that are lost or refused; mqtt.js tries again by itself. */
  readonly onProblem?: (sentence: string) => void;
  /** How long the first connection may take, attempts included. Default 30 s; Infinity tries for ever. */
  readonly startMs?: number;
}

export interface MqttSource {
  status(): {
    readonly connected: boolean;
    readonly pendingMessages: number;
    readonly pendingBytes: number;
    /** How the last connection was lost or refused; '' while connected. */
    readonly problem: string;
  };
  /**
   * Settles when the source has ended: resolves after close, rejects with what `onPublish` rejected with, or with
   * WorldError 'rejected' when another client took our session over (MQTT 5).
   */
  readonly done: Promise<void>;
  /** Takes no more, acknowledges what the log gets within 5 s, keeps the session; idempotent. */
  close(): Promise<void>;
}

const drainMs = 5000;

/**
 * Resolves when connected and subscribed; from then on reconnects by itself. Rejects with WorldError 'unreachable'
 * after `startMs`, 'unauthorized' or 'rejected' at once; with UserError for options that cannot be.
 */
export async function connectMqttSource(options: MqttSourceOptions): Promise<MqttSource> {
  const {
    url,
    topics,
    onPublish,
    onProblem = () => {},
    receiveMaximum = 1000,
    sharedGroup,
    protocolVersion = 5,
    presence,
  } = options;
  if (topics.length === 0) throw new UserError(`MQTT source ${url}: there is no topic to subscribe to`);
  const client = connect(url, {
    ...clientOptions({ ...options, protocolVersion }),
    clientId: options.clientId,
    clean: false,
    ...(presence
      ? { will: { topic: presence.topic, payload: Buffer.from(presence.absent), qos: 1, retain: true } }
      : {}),
    ...(protocolVersion === 5
      ? {
          properties: {
            receiveMaximum,
            // Without it a session of MQTT 5 ends with its connection, whatever `clean` says.
            sessionExpiryInterval: Math.round((options.sessionExpiryMs ?? 7 * 86_400_000) / 1000),
          },
        }
      : {}),
  });
  const ended = new Ending();
  const acknowledgements = new Acknowledgements({
    client,
    onPublish,
    messagesMax: receiveMaximum,
    bytesMax: options.pendingBytesMax ?? 67_108_864,
    onFailure: (error) => {
      endClient(client, 'at once').then(
        () => ended.fail(error),
        () => ended.fail(error),
      );
    },
  });
  const filters = topics.map((topic) =>
    sharedGroup === undefined ? topic : `$share/${sharedGroup}/${topic}`,
  );
  let subscribed = false;
  const problem = await openConnection({
    client,
    url,
    onProblem,
    startMs: options.startMs ?? 30_000,
    onConnected: async (sessionPresent) => {
      acknowledgements.connected(sessionPresent);
      // MQTT 3.1.1 sends all retained messages at every subscription that is not shared. A broker may keep the session
      // and forget its shared subscriptions (docs/GOTCHAS.md), so that these are made again at every connection.
      if (!subscribed || !sessionPresent || sharedGroup !== undefined) await subscribe(client, filters, url);
      subscribed = true;
      if (presence) await say(client, presence.topic, presence.present);
    },
  });
  client.on('disconnect', ({ reasonCode }) => {
    if (reasonCode === sessionTakenOver) acknowledgements.fail(takenOver(url, options.clientId));
  });
  let closing: Promise<void> | undefined;
  return {
    status: () => ({
      connected: client.connected,
      pendingMessages: acknowledgements.pendingMessages,
      pendingBytes: acknowledgements.pendingBytes,
      problem: problem(),
    }),
    done: ended.done,
    close: () => {
      closing ??= close(client, acknowledgements, ended, presence);
      return closing;
    },
  };
}

/** Reason code of DISCONNECT (MQTT 5 §3.14.2.1). MQTT 3.1.1 has none: both connect anew, by turns, ever more slowly. */
const sessionTakenOver = 0x8e;

/** Whoever came later goes on: when a process is replaced by a new one, that is the new one. */
function takenOver(url: string, clientId: string): WorldError {
  return new WorldError(
    'rejected',
    `another client has connected to ${url} with our clientId "${clientId}"; give each process its own mqtt.clientId`,
    { retryable: false },
  );
}

/** Retained messages come at the first subscription only. */
async function subscribe(client: MqttClient, filters: readonly string[], url: string): Promise<void> {
  const options: IClientSubscribeOptions =
    client.options.protocolVersion === 5 ? { qos: 1, rh: 1 } : { qos: 1 };
  const granted = await client.subscribeAsync([...filters], options).catch((error: unknown) => {
    throw classifyMqttError(error, url);
  });
  const refused = granted.filter(({ qos }) => qos >= 128).map(({ topic }) => `"${topic}"`);
  if (refused.length > 0)
    throw new WorldError(
      'unauthorized',
      `the MQTT broker at ${url} does not let us subscribe to ${refused.join(', ')}`,
      {
        retryable: false,
      },
    );
}

async function say(client: MqttClient, topic: string, payload: string): Promise<void> {
  await client.publishAsync(topic, payload, { qos: 1, retain: true });
}

async function close(
  client: MqttClient,
  acknowledgements: Acknowledgements,
  ended: Ending,
  presence: MqttSourceOptions['presence'],
): Promise<void> {
  acknowledgements.stop();
  const timeout = new AbortController();
  await Promise.race([
    acknowledgements.drained(),
    sleep(drainMs, undefined, { signal: timeout.signal }).catch(() => {}),
  ]);
  timeout.abort();
  // A goodbye takes the will back.
  if (presence && client.connected) await say(client, presence.topic, presence.absent).catch(() => {});
  await endClient(client, 'with goodbye');
  ended.resolve();
}

/** A promise settled from outside, once; nobody has to await it. */
class Ending {
  readonly done: Promise<void>;
  resolve: () => void = () => {};
  fail: (error: unknown) => void = () => {};

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.fail = reject;
    });
    this.done.catch(() => {});
  }
}
