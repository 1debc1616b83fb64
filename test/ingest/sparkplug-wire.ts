/** Payloads of Sparkplug B put together by hand, from the wire format of protobuf: no code of the product, no library. */
import { Buffer } from 'node:buffer';

function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(left & 127n) | (left > 127n ? 128 : 0));
    left >>= 7n;
  } while (left > 0n);
  return bytes;
}

const number = (id: number, value: number | bigint): number[] => [...varint(id << 3), ...varint(value)];
const bytes = (id: number, content: readonly number[]): number[] => [
  ...varint((id << 3) | 2),
  ...varint(content.length),
  ...content,
];
const text = (id: number, value: string): number[] => bytes(id, [...Buffer.from(value)]);

/** Data types of Sparkplug B and the field that their values travel in. */
const kinds = {
  int16: { datatype: 2, field: (value: number) => number(10, value & 0xffff) },
  int32: { datatype: 3, field: (value: number) => number(10, value >>> 0) },
  int64: { datatype: 4, field: (value: number) => number(11, value) },
  uint64: { datatype: 8, field: (value: number) => number(11, value) },
  float: { datatype: 9, field: (value: number) => [(12 << 3) | 5, ...fixed(4, value)] },
  double: { datatype: 10, field: (value: number) => [(13 << 3) | 1, ...fixed(8, value)] },
  boolean: { datatype: 11, field: (value: number) => number(14, value) },
} as const;

function fixed(size: 4 | 8, value: number): Buffer {
  const buffer = Buffer.alloc(size);
  if (size === 4) buffer.writeFloatLE(value);
  else buffer.writeDoubleLE(value);
  return buffer;
}

export interface TestMetric {
  readonly name?: string;
  readonly alias?: number;
  readonly timeMs?: number;
  readonly kind?: keyof typeof kinds;
  /** null: is_null. */
  readonly value: number | string | null;
  /** Leaves the data type out, as messages of data may. */
  readonly untyped?: boolean;
}

function encodeMetric({ name, alias, timeMs, kind = 'double', value, untyped }: TestMetric): number[] {
  return [
    ...(name === undefined ? [] : text(1, name)),
    ...(alias === undefined ? [] : number(2, alias)),
    ...(timeMs === undefined ? [] : number(3, timeMs)),
    ...(untyped ? [] : number(4, typeof value === 'string' ? 12 : kinds[kind].datatype)),
    ...(value === null
      ? number(7, 1)
      : typeof value === 'string'
        ? text(15, value)
        : kinds[kind].field(value)),
  ];
}

export function sparkplugPayload(
  seq: number | undefined,
  metrics: readonly TestMetric[],
  timeMs?: number,
): Buffer {
  return Buffer.from([
    ...(timeMs === undefined ? [] : number(1, timeMs)),
    ...metrics.flatMap((metric) => bytes(2, encodeMetric(metric))),
    ...(seq === undefined ? [] : number(3, seq)),
  ]);
}
