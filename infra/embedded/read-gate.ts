/**
 * Stands between a socket and aedes: holds reading back while too much waits for the log, and refuses packets that
 * are too long before they are gathered in memory. aedes has neither: it reads on with every piece of network data,
 * and its parser collects a packet of up to 256 MiB.
 */
import type { Socket } from 'node:net';

/** A CONNECT packet holds names, a will and a password; nobody is authorized to send more before it. */
const connectBytesMax = 65_536;

export interface GateLimits {
  readonly packetBytesMax: number;
  /** True while nothing may be read. */
  closed(): boolean;
  /** The packet is longer than allowed; the socket is already destroyed. */
  onOversize(packetBytes: number): void;
}

/**
 * Puts the gate on a socket; returns what to call when reading may go on.
 *
 * NOTE: aedes reads with `socket.read()` when 'readable' says so, and only so; both are wrapped here instead of
 * putting a stream in between, which would copy every byte. test/infra/broker.test.ts holds it to that.
 */
export function gateSocket(socket: Socket, limits: GateLimits): () => void {
  const read = socket.read.bind(socket);
  const frames = new FrameScanner(limits.packetBytesMax);
  socket.read = (size?: number): unknown => {
    // read(0) is node's own, to make it fetch; it returns no data.
    if (size !== 0 && limits.closed()) return null;
    const chunk: unknown = read(size);
    if (!(chunk instanceof Uint8Array)) return chunk;
    const oversize = frames.scan(chunk);
    if (oversize === undefined) return chunk;
    socket.destroy();
    limits.onOversize(oversize);
    return null;
  };
  return () => {
    if (!socket.destroyed) socket.emit('readable');
  };
}

/** Follows the packet boundaries of an MQTT stream: 1 byte of type, 1 to 4 bytes of length, then the body. */
class FrameScanner {
  readonly #packetBytesMax: number;
  #bodyLeft = 0;
  /** Bytes of the fixed header seen so far; 0 between packets. */
  #headerBytes = 0;
  #length = 0;
  #first = true;

  constructor(packetBytesMax: number) {
    this.#packetBytesMax = packetBytesMax;
  }

  /** The length of the first packet that is too long, or undefined. */
  scan(chunk: Uint8Array): number | undefined {
    for (let i = 0; i < chunk.length; ) {
      if (this.#bodyLeft > 0) {
        const step = Math.min(this.#bodyLeft, chunk.length - i);
        this.#bodyLeft -= step;
        i += step;
        continue;
      }
      const byte = chunk[i++] as number;
      this.#headerBytes++;
      if (this.#headerBytes === 1) continue;
      this.#length += (byte & 0x7f) * 128 ** (this.#headerBytes - 2);
      // A fifth byte of length is no MQTT; the parser refuses it.
      if (byte >= 0x80 && this.#headerBytes < 5) continue;
      const packetBytes = this.#headerBytes + this.#length;
      if (
        packetBytes > (this.#first ? Math.min(connectBytesMax, this.#packetBytesMax) : this.#packetBytesMax)
      )
        return packetBytes;
      this.#bodyLeft = this.#length;
      this.#headerBytes = 0;
      this.#length = 0;
      this.#first = false;
    }
    return undefined;
  }
}
