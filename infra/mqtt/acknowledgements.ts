/**
 * Our own acknowledgements for messages that mqtt.js receives. By itself it handles one packet at a time and
 * acknowledges it when its handler has called back: one message per log append. Here the handler calls back at once,
 * mqtt.js' PUBACK is swallowed, and ours goes out when the log has the message, in the order of receipt, many under
 * way at a time.
 *
 * What a lost connection left unacknowledged comes again, marked DUP, with the identifier it had (MQTT 5 §4.4). It is not
 * handled a second time: a reading without a time of its own would count twice.
 */
import type { Buffer } from 'node:buffer';
import type { IPublishPacket, MqttClient } from 'mqtt';
import { assert } from '../../domain/assert.js';

interface UnderWay {
  readonly topic: string;
  /** Undefined at QoS 0, which has no acknowledgement. */
  readonly messageId: number | undefined;
  readonly bytes: number;
  /** Resolves when the log has it. */
  readonly logged: Promise<unknown>;
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
  readonly onPublish: (topic: string, payload: Uint8Array, retained?: 'retained') => Promise<unknown>;
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
  /** Handled or under way, never acknowledged, and their connection is lost: by identifier. */
  readonly #lost = new Map<number, UnderWay>();
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
      this.#receive(packet);
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

  /** To be called at every connection, before its first message. */
  connected(sessionPresent: boolean): void {
    if (!sessionPresent) this.#lost.clear();
    else for (const entry of this.#underWay) this.#lose(entry);
  }

  /** Takes no more messages; those under way are still acknowledged. */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when nothing waits. */
  async drained(): Promise<void> {
    if (this.#underWay.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #receive({ topic, payload, qos, messageId, dup, retain }: IPublishPacket): void {
    // What is not taken is not acknowledged, and is delivered again to whoever comes next.
    if (this.#stopped) return;
    const bytes = (payload as Buffer).length;
    const earlier = qos > 0 && dup ? this.#lost.get(messageId as number) : undefined;
    const again = earlier?.topic === topic && earlier.bytes === bytes;
    const entry: UnderWay = {
      topic,
      messageId: qos === 0 ? undefined : messageId,
      bytes,
      logged: again
        ? earlier.logged
        : this.#parts.onPublish(topic, payload as Buffer, retain ? 'retained' : undefined),
      connection: this.#client.stream,
      settled: false,
    };
    if (entry.messageId !== undefined) this.#lost.delete(entry.messageId);
    this.#underWay.push(entry);
    this.#bytes += entry.bytes;
    entry.logged.then(
      () => {
        entry.settled = true;
        this.#acknowledge();
      },
      (error: unknown) => this.fail(error),
    );
  }

  #lose(entry: UnderWay): void {
    if (entry.messageId !== undefined) this.#lost.set(entry.messageId, entry);
  }

  /** Sends what is settled, up to the first message that is not. */
  #acknowledge(): void {
    let count = 0;
    for (const entry of this.#underWay) {
      if (!entry.settled) break;
      count++;
      this.#bytes -= entry.bytes;
      const live = this.#parts.client.connected && entry.connection === this.#client.stream;
      if (live && entry.messageId !== undefined)
        this.#send({ cmd: 'puback', messageId: entry.messageId } as never);
      else if (!this.#parts.client.connected) this.#lose(entry);
    }
    if (count > 0) this.#underWay.splice(0, count);
    if (this.#readOn && !this.#full()) {
      const readOn = this.#readOn;
      this.#readOn = undefined;
      readOn();
    }
    if (this.#underWay.length === 0) this.#wakeIdle();
  }

  /** Ends it all: nothing more is taken, and nothing acknowledged. */
  fail(error: unknown): void {
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
