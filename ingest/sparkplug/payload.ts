/**
 * Payloads of Sparkplug B: protobuf → metrics with values that JSON could have, and the one command that we send.
 * Source: Eclipse Sparkplug Specification 3.0.0, §6.4 (fields and numbers of the messages, data types); written from its
 * text. Data sets, templates and properties are not read: they are no readings.
 */
import { Buffer } from 'node:buffer';
import protobuf from 'protobufjs';

/** Data types of §6.4.16 whose integers are signed; they travel in unsigned fields as two's complement. */
const signedBits: Readonly<Record<number, number>> = { 1: 8, 2: 16, 3: 32, 4: 64 };
const booleanType = 11;

// proto2: a number that is 0 is told from one that is not there.
const { root } = protobuf.parse(`
  syntax = "proto2";
  message Payload {
    optional uint64 timestamp = 1;
    repeated Metric metrics = 2;
    optional uint64 seq = 3;
  }
  message Metric {
    optional string name = 1;
    optional uint64 alias = 2;
    optional uint64 timestamp = 3;
    optional uint32 datatype = 4;
    optional bool is_null = 7;
    oneof value {
      uint32 int_value = 10;
      uint64 long_value = 11;
      float float_value = 12;
      double double_value = 13;
      bool boolean_value = 14;
      string string_value = 15;
    }
  }
`);
const payloadType = root.lookupType('Payload');

/** A number of 64 bits comes as text. */
interface MetricWire {
  readonly name?: string;
  readonly alias?: string;
  readonly timestamp?: string;
  readonly datatype?: number;
  readonly isNull?: boolean;
  readonly intValue?: number;
  readonly longValue?: string;
  readonly floatValue?: number;
  readonly doubleValue?: number;
  readonly booleanValue?: boolean;
  readonly stringValue?: string;
}

export interface Metric {
  readonly name: string | undefined;
  readonly alias: string | undefined;
  /** ms since epoch, of the metric or else of the payload; undefined: neither has one. */
  readonly timeMs: number | undefined;
  readonly datatype: number | undefined;
  /** As it travels: for integers see `plainValue`. Booleans are 0 or 1; null: is_null, or of a kind that is not read. */
  readonly value: number | bigint | string | null;
}

export interface SparkplugPayload {
  /** 0 to 255; undefined in NDEATH. */
  readonly seq: number | undefined;
  readonly metrics: readonly Metric[];
}

/** Undefined: these bytes are no payload of Sparkplug B. */
export function decodePayload(bytes: Uint8Array): SparkplugPayload | undefined {
  let wire: { timestamp?: string; seq?: string; metrics?: MetricWire[] };
  try {
    wire = payloadType.toObject(payloadType.decode(bytes), { longs: String, arrays: true });
  } catch {
    return undefined;
  }
  const timeMs = wire.timestamp === undefined ? undefined : Number(wire.timestamp);
  return {
    seq: wire.seq === undefined ? undefined : Number(wire.seq),
    metrics: (wire.metrics ?? []).map((metric) => ({
      name: metric.name,
      alias: metric.alias,
      timeMs: metric.timestamp === undefined ? timeMs : Number(metric.timestamp),
      datatype: metric.datatype,
      value: rawValue(metric),
    })),
  };
}

function rawValue(metric: MetricWire): Metric['value'] {
  if (metric.isNull) return null;
  if (metric.longValue !== undefined) return BigInt(metric.longValue);
  if (metric.booleanValue !== undefined) return metric.booleanValue ? 1 : 0;
  return metric.intValue ?? metric.floatValue ?? metric.doubleValue ?? metric.stringValue ?? null;
}

/** The value that JSON would have, of a data type that the metric or its birth tells. */
export function plainValue(value: Metric['value'], datatype = 0): number | string | null {
  const bits = signedBits[datatype];
  if (typeof value === 'bigint') return Number(bits === undefined ? value : BigInt.asIntN(bits, value));
  if (bits === undefined || !Number.isInteger(value)) return value;
  return Number(BigInt.asIntN(bits, BigInt(value as number)));
}

export const rebirthMetric = 'Node Control/Rebirth';

/** The payload of the NCMD that asks an edge node for its births (§6.4.20). */
export function encodeRebirthCommand(timeMs: number): Buffer {
  const command = {
    timestamp: timeMs,
    metrics: [{ name: rebirthMetric, timestamp: timeMs, datatype: booleanType, booleanValue: true }],
  };
  return Buffer.from(payloadType.encode(payloadType.fromObject(command)).finish());
}
