/** Parts for tests that look at MQTT from below: a proxy that cuts connections, and a broker of a few packets. */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A promise that the test opens. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Waits until `condition` holds; gives up loudly after a minute. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited a minute in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export interface CuttingProxy {
  readonly url: string;
  /** Ends all connections at once, without a goodbye. */
  cut(): void;
  /** Connections made so far. */
  count(): number;
  /** Bytes passed on to the port so far. */
  sentBytes(): number;
  /** Resolves when both sides of every connection have ended. */
  ended(): Promise<void>;
  close(): Promise<void>;
}

/** Passes bytes between clients and a port of this computer. */
export async function startCuttingProxy(port: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let count = 0;
  let sentBytes = 0;
  const server = createServer((near) => {
    count++;
    const far = connect(port, '127.0.0.1');
    near.on('data', (chunk: Buffer) => {
      sentBytes += chunk.length;
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        // Who has ended with a goodbye has said something that the other may still be reading.
        if (socket.readableEnded) other.end();
        else other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    count: () => count,
    sentBytes: () => sentBytes,
    ended: () => until(() => sockets.size === 0, 'the ends of connections'),
    close: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Packet {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

/** Types of MQTT control packets (MQTT 5 §2.1.2). */
export const packetType = {
  connect: 1,
  connack: 2,
  publish: 3,
  puback: 4,
  subscribe: 8,
  suback: 9,
  pingreq: 12,
  disconnect: 14,
} as const;

export function encodePacket(type: number, flags: number, body: Buffer): Buffer {
  const length: number[] = [];
  let left = body.length;
  do {
    length.push((left % 128) + (left >= 128 ? 128 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return Buffer.concat([Buffer.from([(type << 4) | flags, ...length]), body]);
}

/** A PUBLISH at QoS 1 of MQTT 5, or at QoS 0 when it has no identifier. */
export function encodePublish5(topic: string, payload: string, messageId?: number): Buffer {
  const name = Buffer.from(topic);
  const id = messageId === undefined ? [] : [messageId >> 8, messageId & 255];
  const head = Buffer.from([name.length >> 8, name.length & 255, ...name, ...id, 0]);
  return encodePacket(
    packetType.publish,
    messageId === undefined ? 0 : 2,
    Buffer.concat([head, Buffer.from(payload)]),
  );
}

export interface TinyBroker {
  readonly url: string;
  /** Packets received, over all connections. */
  readonly received: Packet[];
  send(bytes: Buffer): void;
  close(): Promise<void>;
}

/** Speaks as much MQTT 5 as a subscriber needs: CONNACK, SUBACK, and what the test sends. */
export async function startTinyBroker(connackReason = 0): Promise<TinyBroker> {
  const received: Packet[] = [];
  let newest: Socket | undefined;
  const server = createServer((socket) => {
    newest = socket;
    let buffered = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      buffered = Buffer.concat([buffered, chunk]);
      for (let packet = decodePacket(buffered); packet; packet = decodePacket(buffered)) {
        buffered = buffered.subarray(packet.bytes);
        received.push(packet);
        if (packet.type === packetType.connect)
          socket.write(encodePacket(packetType.connack, 0, Buffer.from([0, connackReason, 0])));
        if (packet.type === packetType.subscribe)
          socket.write(
            encodePacket(packetType.suback, 0, Buffer.from([...packet.body.subarray(0, 2), 0, 1])),
          );
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    send: (bytes) => {
      newest?.write(bytes);
    },
    close: async () => {
      newest?.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function decodePacket(bytes: Buffer): (Packet & { readonly bytes: number }) | undefined {
  let length = 0;
  let at = 1;
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++];
    if (byte === undefined) return undefined;
    length += (byte & 127) * factor;
    if (byte < 128) break;
  }
  if (bytes.length < at + length) return undefined;
  const first = bytes[0] as number;
  return { type: first >> 4, flags: first & 15, body: bytes.subarray(at, at + length), bytes: at + length };
}
