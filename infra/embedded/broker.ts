/**
 * An MQTT 3.1.1 broker in this process (aedes): for the demo and small plants. A message is acknowledged when
 * `onPublish` has resolved, so PUBACK (QoS 1) and PUBREC (QoS 2) mean that the log has it. Subscribers get messages
 * after that. Sessions, retained messages and what waits for absent subscribers are in memory and bounded; they end
 * with the process. Not here: MQTT 5, TLS, clusters. Those need an outside broker.
 */
import { Buffer } from 'node:buffer';
import { createHash, timingSafeEqual } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Aedes, type AedesOptions, type AuthenticateError } from 'aedes';
import { z } from 'zod';
import { UserError, WorldError } from '../../domain/errors.js';
import { boundMemory } from './broker-memory.js';
import { gateSocket } from './read-gate.js';

export const embeddedBrokerConfigSchema = z
  .strictObject({
    host: z.string().default('127.0.0.1').describe('Address to listen on; 0.0.0.0 for all of this computer.'),
    port: z.number().int().min(0).max(65_535).default(1883).describe('TCP port; 0 takes any free one.'),
    username: z
      .string()
      .min(1)
      .optional()
      .describe('User name that clients must give. Default: anyone may connect.'),
    password: z.string().min(1).optional().describe('Password that clients must give with the user name.'),
    anonymous: z
      .enum(['loopback-only', 'allowed'])
      .default('loopback-only')
      .describe('Whether clients may connect without a password where other computers can reach the port.'),
    connectionsMax: z.number().int().min(1).default(1000).describe('More connections than this are refused.'),
    packetBytesMax: z
      .number()
      .int()
      .min(1024)
      .default(1_048_576)
      .describe('A client that sends a longer packet is disconnected. Keep it above ingest.payloadBytesMax.'),
    pendingMessagesMax: z
      .number()
      .int()
      .min(1)
      .default(10_000)
      .describe('While this many messages wait for the log, nothing more is read from clients.'),
    pendingBytesMax: z
      .number()
      .int()
      .min(1)
      .default(67_108_864)
      .describe('While payloads of this many bytes wait for the log, nothing more is read from clients.'),
    queuedMax: z
      .number()
      .int()
      .min(1)
      .default(10_000)
      .describe('Messages kept for a subscriber that is away or slow; beyond that its newest are dropped.'),
    retainedMax: z.number().int().min(0).default(10_000).describe('Topics whose retained message is kept.'),
  })
  .superRefine((config, context) => {
    if ((config.username === undefined) !== (config.password === undefined))
      context.addIssue({
        code: 'custom',
        path: ['password'],
        message: 'username and password go together: give both',
      });
    if (config.username === undefined && config.anonymous !== 'allowed' && !isLoopback(config.host))
      context.addIssue({
        code: 'custom',
        path: ['host'],
        message: `"${config.host}" can be reached from other computers: give username and password, or set anonymous to "allowed"`,
      });
  });
export type EmbeddedBrokerConfig = z.output<typeof embeddedBrokerConfigSchema>;

export interface EmbeddedBrokerOptions extends Partial<EmbeddedBrokerConfig> {
  /** Called in order per client, many at a time. A rejection disconnects the client, its message unacknowledged. */
  readonly onPublish: (topic: string, payload: Uint8Array) => Promise<unknown>;
  /** Sentences about what the broker refused or could not do. */
  readonly onProblem?: (sentence: string) => void;
}

export interface EmbeddedBroker {
  readonly url: string;
  readonly port: number;
  /** Messages that wait for `onPublish`, and connected clients. */
  status(): { readonly pendingMessages: number; readonly pendingBytes: number; readonly clients: number };
  /** To the subscribers only, not to `onPublish`. Resolves when it is handed to those who are connected. */
  publish(topic: string, payload: Uint8Array | string): Promise<void>;
  /** Reads no more, waits up to 5 s for what waits for the log, acknowledges it, disconnects; idempotent. */
  close(): Promise<void>;
}

const drainMs = 5000;

/** Throws UserError when the port is taken or the address is not ours, or the options do not fit. */
export async function startEmbeddedBroker(options: EmbeddedBrokerOptions): Promise<EmbeddedBroker> {
  const { onPublish, onProblem = () => {}, ...rest } = options;
  const parsed = embeddedBrokerConfigSchema.safeParse(rest);
  if (!parsed.success)
    throw new UserError(`embedded broker: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`);
  const config = parsed.data;
  const pending = new PendingMessages(config);
  const aedes = new Aedes({
    concurrency: 1000,
    drainTimeout: 10_000,
    maxClientsIdLength: 128,
    authenticate: authenticator(config),
    authorizePublish: (_client, packet, done) => {
      if (packet.topic.startsWith('$')) {
        done(new Error(`topics that begin with $ are the broker's own: "${packet.topic}"`));
        return;
      }
      const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
      pending.add(payload.length);
      onPublish(packet.topic, payload).then(
        () => {
          pending.remove(payload.length);
          done(null);
        },
        (error: unknown) => {
          pending.remove(payload.length);
          onProblem(`a message on "${packet.topic}" was not taken: ${messageOf(error)}`);
          done(error instanceof Error ? error : new Error(String(error)));
        },
      );
    },
  } satisfies AedesOptions);
  // aedes emits 'error' without declaring it; unheard it would end the process.
  (aedes as EventEmitter).on('error', (error) => onProblem(`embedded broker: ${messageOf(error)}`));
  await aedes.listen();
  boundMemory(aedes, { ...config, sessionsMax: config.connectionsMax }, onProblem);

  const server = createServer({ noDelay: true });
  server.maxConnections = config.connectionsMax;
  server.on('drop', () =>
    onProblem(`a connection was refused: there are ${config.connectionsMax} (connectionsMax)`),
  );
  server.on('connection', (socket) => {
    const resume = gateSocket(socket, {
      packetBytesMax: config.packetBytesMax,
      closed: () => pending.full,
      onOversize: (packetBytes) =>
        onProblem(
          `${socket.remoteAddress ?? 'a client'} was disconnected: its packet has ${packetBytes} bytes, more than ` +
            `packetBytesMax ${config.packetBytesMax}; send smaller batches`,
        ),
    });
    pending.sockets.set(socket, resume);
    socket.on('close', () => pending.sockets.delete(socket));
    aedes.handle(socket);
  });
  try {
    await listen(server, config);
  } catch (error) {
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  return {
    port,
    url: `mqtt://${isIP(config.host) === 6 ? `[${config.host}]` : config.host}:${port}`,
    status: () => ({
      pendingMessages: pending.messages,
      pendingBytes: pending.bytes,
      clients: aedes.connectedClients,
    }),
    publish: (topic, payload) =>
      new Promise((resolve, reject) => {
        const packet = {
          cmd: 'publish',
          qos: 1,
          dup: false,
          retain: false,
          topic,
          payload: Buffer.from(payload),
        } as const;
        aedes.publish(packet, (error) => (error ? reject(error) : resolve()));
      }),
    close: () => {
      closing ??= closeAll(server, aedes, pending);
      return closing;
    },
  };
}

/** Counts what waits for the log, and lets sockets read again when it is less. */
class PendingMessages {
  readonly sockets = new Map<Socket, () => void>();
  messages = 0;
  bytes = 0;
  full = false;
  #stopped = false;
  readonly #messagesMax: number;
  readonly #bytesMax: number;

  constructor(config: EmbeddedBrokerConfig) {
    this.#messagesMax = config.pendingMessagesMax;
    this.#bytesMax = config.pendingBytesMax;
  }

  add(payloadBytes: number): void {
    this.messages++;
    this.bytes += payloadBytes;
    if (this.messages >= this.#messagesMax || this.bytes >= this.#bytesMax) this.full = true;
  }

  remove(payloadBytes: number): void {
    this.messages--;
    this.bytes -= payloadBytes;
    if (!this.full || this.#stopped) return;
    if (this.messages > this.#messagesMax / 2 || this.bytes > this.#bytesMax / 2) return;
    this.full = false;
    for (const resume of this.sockets.values()) setImmediate(resume);
  }

  /** Nothing more is read, whatever becomes of what waits. */
  stop(): void {
    this.#stopped = true;
    this.full = true;
  }
}

function authenticator({ username, password }: EmbeddedBrokerConfig): AedesOptions['authenticate'] & {} {
  return (_client, givenName, givenPassword, done) => {
    const granted =
      username === undefined ||
      password === undefined ||
      (equalSecrets(username, givenName ?? '') && equalSecrets(password, givenPassword ?? Buffer.alloc(0)));
    if (granted) {
      done(null, true);
      return;
    }
    done(
      Object.assign(new Error('bad user name or password'), { returnCode: 4 }) as AuthenticateError,
      false,
    );
  };
}

/** Compares hashes, so that neither length nor content shows in the time it takes. */
function equalSecrets(wanted: string, given: string | Buffer): boolean {
  const hash = (text: string | Buffer): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(wanted), hash(given));
}

async function listen(server: Server, { host, port }: EmbeddedBrokerConfig): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE')
      throw new UserError(
        `port ${port} on ${host} is in use, perhaps by another broker or another Millwright; stop that, or set ` +
          'another port for the embedded broker (0 takes any free one)',
        { cause: error },
      );
    if (code === 'EACCES')
      throw new UserError(
        `port ${port} may not be opened by this user; choose one above 1023, such as 1883`,
        {
          cause: error,
        },
      );
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new UserError(`"${host}" is not an address of this computer; use 127.0.0.1, or 0.0.0.0 for all`, {
        cause: error,
      });
    throw new WorldError(
      'unreachable',
      `the embedded broker cannot listen on ${host}:${port}: ${messageOf(error)}`,
      {
        retryable: false,
        cause: error,
      },
    );
  }
}

async function closeAll(server: Server, aedes: Aedes, pending: PendingMessages): Promise<void> {
  const serverClosed = new Promise<void>((resolve) => server.close(() => resolve()));
  pending.stop();
  for (const until = performance.now() + drainMs; pending.messages > 0 && performance.now() < until; )
    await sleep(5);
  // One more turn, so that the last acknowledgements are written before the sockets are closed.
  await sleep(5);
  await new Promise<void>((resolve) => aedes.close(() => resolve()));
  for (const socket of pending.sockets.keys()) socket.destroy();
  await serverClosed;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
