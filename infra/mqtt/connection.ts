/** What the MQTT source and the publisher share: options of a connection, and what its errors mean. */
import { randomInt } from 'node:crypto';
import { ErrorWithReasonCode, type IClientOptions, type MqttClient } from 'mqtt';
import { z } from 'zod';
import { durationMs } from '../../domain/duration.js';
import { UserError, WorldError } from '../../domain/errors.js';
import { readPem } from '../files/read-pem.js';

const urlSchema = z
  .string()
  .refine((text) => /^(mqtts?|wss?):$/.test(URL.canParse(text) ? new URL(text).protocol : ''), {
    message: 'write an address such as mqtt://broker:1883 or mqtts://broker:8883',
  });

/** Fields of every connection to a broker. */
export const mqttConnectionFields = {
  url: urlSchema.describe('Address of the broker: mqtt://, mqtts:// (TLS), ws:// or wss://, with its port.'),
  username: z.string().optional().describe('User name for the broker.'),
  password: z.string().optional().describe('Password for the broker.'),
  protocolVersion: z
    .union([z.literal(4), z.literal(5)])
    .default(5)
    .describe('5 for MQTT 5, 4 for MQTT 3.1.1.'),
  keepaliveMs: durationMs
    .default(30_000)
    .describe('A connection without any packet for one and a half times this is taken for dead.'),
  caFile: z
    .string()
    .optional()
    .describe('PEM file of the authority that signed the certificate of the broker.'),
  certFile: z.string().optional().describe('PEM file of our certificate, for mutual TLS.'),
  keyFile: z.string().optional().describe('PEM file of the key of our certificate.'),
};
const mqttConnectionSchema = z.strictObject(mqttConnectionFields);

/** A connection as code gives it: durations in milliseconds. */
export type MqttConnectionInput = Omit<
  z.input<typeof mqttConnectionSchema>,
  'keepaliveMs' | 'protocolVersion'
> & {
  readonly keepaliveMs?: number;
  readonly protocolVersion?: 4 | 5;
};

const reconnectFirstMs = 250;
const reconnectLongestMs = 30_000;

/** Options of mqtt.js for a connection that is opened by hand, once handlers are attached. */
export function clientOptions(
  input: MqttConnectionInput & { readonly protocolVersion: 4 | 5 },
): IClientOptions {
  const { url, username, password, protocolVersion, keepaliveMs = 30_000, caFile, certFile, keyFile } = input;
  const checked = urlSchema.safeParse(url);
  if (!checked.success) throw new UserError(`MQTT broker "${url}": ${checked.error.issues[0]?.message}`);
  return {
    protocolVersion,
    keepalive: Math.max(1, Math.round(keepaliveMs / 1000)),
    manualConnect: true,
    resubscribe: false,
    connectTimeout: 10_000,
    reconnectPeriod: reconnectFirstMs,
    // A broker that starts says "server unavailable"; a password may be put right. Every refusal is reported.
    reconnectOnConnackError: true,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(caFile === undefined ? {} : { ca: readPem(caFile, 'mqtt.caFile') }),
    ...(certFile === undefined ? {} : { cert: readPem(certFile, 'mqtt.certFile') }),
    ...(keyFile === undefined ? {} : { key: readPem(keyFile, 'mqtt.keyFile') }),
  };
}

/**
 * Opens the connection and keeps it. Calls `onConnected` at every connection; while it fails for a passing reason the
 * connection is made anew. Resolves after the first time it succeeded. Rejects, the client ended, with a WorldError
 * that is not retryable at once, or 'unreachable' after `startMs`. What goes wrong later goes to `onProblem`, once
 * until it changes. The function it gives tells the present problem, '' when connected.
 */
export async function openConnection(parts: {
  readonly client: MqttClient;
  readonly url: string;
  readonly startMs: number;
  readonly onProblem: (sentence: string) => void;
  /** `sessionPresent`: the broker has our subscriptions, and sends again what was not acknowledged. */
  readonly onConnected: (sessionPresent: boolean) => Promise<void>;
}): Promise<() => string> {
  const { client, url, startMs, onProblem, onConnected } = parts;
  let problem = `no answer from the MQTT broker at ${url}`;
  const report = (error: WorldError): void => {
    if (error.message !== problem) onProblem(error.message);
    problem = error.message;
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  spreadReconnects(client);
  try {
    await new Promise<void>((resolve, reject) => {
      const refuse = (error: WorldError): void => {
        report(error);
        if (!error.retryable) reject(error);
      };
      client.on('connect', ({ sessionPresent }) => {
        onConnected(sessionPresent).then(
          () => {
            problem = '';
            resolve();
          },
          (error: unknown) => {
            refuse(error instanceof WorldError ? error : classifyMqttError(error, url));
            client.stream.destroy();
          },
        );
      });
      const lose = (why: string): void =>
        report(
          new WorldError('unreachable', `the connection to the MQTT broker at ${url} is lost${why}`, {
            retryable: true,
          }),
        );
      client.on('error', (error) => {
        const classified = classifyMqttError(error, url);
        // A reset of the connection that stood comes as an error, a quiet end as 'close' alone.
        if (problem === '' && classified.retryable) lose(`: ${error.message}`);
        else refuse(classified);
      });
      client.on('close', () => {
        if (problem === '' && !client.disconnecting) lose('');
      });
      if (startMs !== Infinity)
        timer = setTimeout(
          () => reject(new WorldError('unreachable', problem, { retryable: true })),
          startMs,
        );
      client.connect();
    });
  } catch (error) {
    await endClient(client, 'at once');
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return () => problem;
}

/**
 * Ends a client for good. mqtt.js 5.16, told to connect by hand, takes its end back when that meets a connection in the
 * making, and connects again: without a period it does not.
 */
export async function endClient(client: MqttClient, how: 'at once' | 'with goodbye'): Promise<void> {
  client.options.reconnectPeriod = 0;
  await client.endAsync(how === 'at once' || !client.connected);
}

/**
 * Makes mqtt.js wait longer before each attempt, up to 30 s, less up to half at random: the clients of a broker that
 * comes back must not all come at once. Only a connection that has stood for longer than the present wait starts it
 * anew, so that two clients that throw each other out do so ever more slowly. mqtt.js reads the period when a
 * connection closes.
 */
function spreadReconnects(client: MqttClient): void {
  let ceilingMs = reconnectFirstMs;
  const next = (): void => {
    if (client.options.reconnectPeriod === 0) return; // ended
    client.options.reconnectPeriod = ceilingMs - randomInt(Math.ceil(ceilingMs / 2));
  };
  next();
  let connectedAtMs = 0;
  client.on('connect', () => {
    connectedAtMs = performance.now();
  });
  // Before mqtt.js' own listener, which reads the period.
  client.prependListener('close', () => {
    if (connectedAtMs === 0) return;
    if (performance.now() - connectedAtMs > ceilingMs) ceilingMs = reconnectFirstMs;
    connectedAtMs = 0;
    next();
  });
  client.on('reconnect', () => {
    ceilingMs = Math.min(reconnectLongestMs, ceilingMs * 2);
    next();
  });
}

/** Reason codes of CONNACK that no repetition cures (MQTT 5 §3.2.2.2, MQTT 3.1.1 §3.2.2.3). */
const forbidden = new Set([4, 5, 0x86, 0x87, 0x8a, 0x8c]);
const unacceptable = new Set([1, 2, 0x84, 0x85, 0x9c, 0x9d]);

/** What an error of the client means. */
export function classifyMqttError(error: unknown, url: string): WorldError {
  const code = error instanceof ErrorWithReasonCode ? error.code : undefined;
  const text =
    error instanceof Error ? error.message || ('code' in error ? String(error.code) : '') : String(error);
  if (code !== undefined && forbidden.has(code))
    return new WorldError(
      'unauthorized',
      `the MQTT broker at ${url} refuses us (${text}); check username and password`,
      {
        retryable: false,
        cause: error,
      },
    );
  if (code !== undefined && unacceptable.has(code))
    return new WorldError(
      'rejected',
      `the MQTT broker at ${url} does not accept the connection (${text}); try protocolVersion 4, or another clientId`,
      { retryable: false, cause: error },
    );
  return new WorldError('unreachable', `the MQTT broker at ${url} cannot be reached: ${text}`, {
    retryable: true,
    cause: error,
  });
}
