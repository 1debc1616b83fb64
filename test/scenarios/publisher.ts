/**
 * An MQTT 3.1.1 publisher that knows which of its messages were acknowledged and how often each was handed to a socket,
 * over any number of connections. (mqtt.js sends again by itself, so that one cannot count.)
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { encodePacket, packetType } from '../infra/mqtt-wire.js';

export interface Message {
  readonly topic: string;
  readonly payload: string | Buffer;
}

interface Outgoing<M extends Message> {
  readonly message: M;
  readonly id: number;
}

export class Publisher<M extends Message> {
  /** Called when a message was handed to the socket, and when its acknowledgement has come. */
  readonly #onSent: (message: M) => void;
  readonly #onAcknowledged: (message: M) => void;
  /** Not acknowledged, in the order of their first publication. */
  readonly #open = new Map<number, Outgoing<M>>();
  #nextId = 1;
  #socket: Socket | undefined;
  #wake: () => void = () => {};

  constructor(onSent: (message: M) => void, onAcknowledged: (message: M) => void) {
    this.#onSent = onSent;
    this.#onAcknowledged = onAcknowledged;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** Connects, and sends again what was not acknowledged, in order, marked as such. */
  async connect(url: URL): Promise<void> {
    const socket = connect(Number(url.port), url.hostname);
    socket.on('error', () => {});
    socket.on('close', () => this.#wake());
    await once(socket, 'connect');
    const connected = new Promise<void>((resolve, reject) => {
      socket.on('close', () => reject(new Error('the connection was lost before CONNACK')));
      this.#read(socket, resolve);
    });
    socket.write(encodePacket(packetType.connect, 0, connectBody));
    await connected;
    this.#socket = socket;
    for (const outgoing of this.#open.values()) this.#send(outgoing, 'again');
  }

  publish(message: M): void {
    const outgoing = { message, id: this.#nextId };
    this.#nextId = (this.#nextId % 65_535) + 1;
    this.#open.set(outgoing.id, outgoing);
    this.#send(outgoing, 'first');
  }

  /** Resolves when at most `count` messages are open, or the connection is lost. */
  async drained(count: number): Promise<void> {
    while (this.#open.size > count && this.#socket?.destroyed === false)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  get connected(): boolean {
    return this.#socket?.destroyed === false;
  }

  /** Ends the connection without a goodbye. */
  cut(): void {
    this.#socket?.destroy();
  }

  #send({ message, id }: Outgoing<M>, time: 'first' | 'again'): void {
    if (!this.connected) return;
    const topic = Buffer.from(message.topic);
    const head = Buffer.from([topic.length >> 8, topic.length & 255, ...topic, id >> 8, id & 255]);
    const flags = 0b0010 | (time === 'again' ? 0b1000 : 0);
    this.#onSent(message);
    this.#socket?.write(
      encodePacket(packetType.publish, flags, Buffer.concat([head, Buffer.from(message.payload)])),
    );
  }

  #read(socket: Socket, onConnected: () => void): void {
    let bytes = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      // CONNACK and PUBACK are the only packets that a publisher gets; both have four bytes (§3.2, §3.4).
      for (; bytes.length >= 4; bytes = bytes.subarray(4)) {
        const type = (bytes[0] as number) >> 4;
        if (type === packetType.connack) {
          if (bytes[3] !== 0) throw new Error(`the broker refused the connection: ${bytes[3]}`);
          onConnected();
        } else if (type === packetType.puback) this.#acknowledged(bytes.readUInt16BE(2));
        else throw new Error(`a packet of type ${type}`);
      }
    });
  }

  #acknowledged(id: number): void {
    const outgoing = this.#open.get(id);
    if (!outgoing) throw new Error(`an acknowledgement of ${id}, which is not open`);
    this.#open.delete(id);
    this.#onAcknowledged(outgoing.message);
    this.#wake();
  }
}

/** MQTT 3.1.1 §3.1: protocol, clean session, no keep-alive, client id. */
const connectBody = Buffer.concat([
  Buffer.from([0, 4]),
  Buffer.from('MQTT'),
  Buffer.from([4, 0b10, 0, 0, 0, 6]),
  Buffer.from('ledger'),
]);
