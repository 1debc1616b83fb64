/**
 * Our own acknowledgements for messages that mqtt.js receives. By itself it handles one packet at a time and
 * acknowledges it when its handler has called back: one message per log append. Here the handler calls back at once,
 * mqtt.js' PUBACK is swallowed, and ours goes out when the log has the message, in the order of receipt, many under
 * way at a time.
 */
import type { Buffer } from 'node:buffer';
import type { MqttClient } from 'mqtt';
import { assert } from '../../domain/assert.js';

interface UnderWay {
  /** Undefined at QoS 0, which has no acknowledgement. */
  readonly messageId: number | undefined;
  readonly bytes: number;
  /** The connection it came by: an identifier means nothing on another one. */
  readonly connection: unknown;
  settled: boolean;
}

/** `_sendPacket` is private in mqtt.js 5.16: test/infra/mqtt-source.test.ts holds every version to what is used here. */
interface PrivateClient {
  readonly stream: unknown;
  _sendPacket: (packet: { readonly cmd: string }, done?: (error?: Error) => void, ...rest: unknown[]) => void;
}

export interface AcknowledgementParts {
  readonly client: MqttClient;
  readonly onPublish: (topic: string, payload: Uint8Array) => Promise<unknown>;
  /** Nothing more is read while this many messages, or bytes of payload, wait. */
  readonly messagesMax: number;
  readonly bytesMax: number;
  /** A message was not taken for good: it is not acknowledged, nor is anything after it. */
  readonly onFailure: (error: unknown) => void;
}

export class Acknowledgements {
  readonly #parts: AcknowledgementParts;
  readonly #client: PrivateClient;
  readonly #send: PrivateClient['_sendPacket'];
  /** In order of receipt. */
  #underWay: UnderWay[] = [];
  #bytes = 0;
  #stopped = false;
  #failed = false;
  /** mqtt.js waits for this before it handles the next packet. */
  #readOn: (() => void) | undefined;
  #idle: (() => void)[] = [];

  constructor(parts: AcknowledgementParts) {
    this.#parts = parts;
    this.#client = parts.client as unknown as PrivateClient;
    assert(
      typeof this.#client._sendPacket === 'function',
      "mqtt.js to have the method _sendPacket (it is another version's)",
    );
    this.#send = this.#client._sendPacket.bind(parts.client);
    this.#client._sendPacket = (packet, done, ...rest) => {
      if (packet.cmd === 'puback') done?.();
      else this.#send(packet, done, ...rest);
    };
    parts.client.handleMessage = (packet, done) => {
      this.#receive(packet.topic, packet.payload as Buffer, packet.qos === 0 ? undefined : packet.messageId);
      if (this.#full()) this.#readOn = () => done();
      else done();
    };
  }

  get pendingMessages(): number {
    return this.#underWay.length;
  }

  get pendingBytes(): number {
    return this.#bytes;
  }

  /** Takes no more messages; those under way are still acknowledged. */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when nothing waits. */
  async drained(): Promise<void> {
    if (this.#underWay.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #receive(topic: string, payload: Buffer, messageId: number | undefined): void {
    // What is not taken is not acknowledged, and is delivered again to whoever comes next.
    if (this.#stopped) return;
    const entry: UnderWay = {
      messageId,
      bytes: payload.length,
      connection: this.#client.stream,
      settled: false,
    };
    this.#underWay.push(entry);
    this.#bytes += entry.bytes;
    this.#parts.onPublish(topic, payload).then(
      () => {
        entry.settled = true;
        this.#acknowledge();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** Sends what is settled, up to the first message that is not. */
  #acknowledge(): void {
    let count = 0;
    for (const entry of this.#underWay) {
      if (!entry.settled) break;
      count++;
      this.#bytes -= entry.bytes;
      const live = this.#parts.client.connected && entry.connection === this.#client.stream;
      // The broker delivers again what a lost connection left unacknowledged.
      if (live && entry.messageId !== undefined)
        this.#send({ cmd: 'puback', messageId: entry.messageId } as never);
    }
    if (count > 0) this.#underWay.splice(0, count);
    if (this.#readOn && !this.#full()) {
      const readOn = this.#readOn;
      this.#readOn = undefined;
      readOn();
    }
    if (this.#underWay.length === 0) this.#wakeIdle();
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#stopped = true;
    this.#underWay = [];
    this.#bytes = 0;
    this.#wakeIdle();
    this.#parts.onFailure(error);
  }

  #wakeIdle(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const resolve of waiting) resolve();
  }

  #full(): boolean {
    return this.#underWay.length >= this.#parts.messagesMax || this.#bytes >= this.#parts.bytesMax;
  }
}
