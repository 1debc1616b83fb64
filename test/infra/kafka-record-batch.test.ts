// Record batches of ours against those of kafkajs, both ways; the checksum against published values.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from '../../infra/kafka/crc32c.js';
import {
  type BatchProducer,
  decodeRecordBatches,
  encodeRecordBatch,
  type WireRecord,
} from '../../infra/kafka/record-batch.js';

const require = createRequire(import.meta.url);
const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object;
const decodeByKafkajs = require('kafkajs/src/protocol/recordBatch/v0/decoder') as (
  decoder: object,
) => Promise<KafkajsBatch>;
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0') as {
  readonly RecordBatch: (batch: object) => Promise<{ readonly buffer: Buffer }>;
};
const Record = require('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => object;
const kafkajsCrc32c = require('kafkajs/src/protocol/recordBatch/crc32C/crc32C') as (bytes: Buffer) => number;

interface KafkajsBatch {
  readonly lastOffsetDelta: number;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly inTransaction: boolean;
  readonly maxTimestamp: string;
  readonly records: readonly {
    readonly offset: string;
    readonly key: Buffer;
    readonly value: Buffer | null;
    readonly headers: Readonly<{ [name: string]: Buffer }>;
  }[];
}

const producer: BatchProducer = {
  producerId: '9007199254740993',
  producerEpoch: 3,
  firstSequence: 70_000,
  transactional: true,
  compression: 0,
};
const nowMs = 1_767_225_600_000;

const wireRecord: fc.Arbitrary<WireRecord> = fc.record({
  key: fc.string({ unit: 'grapheme', maxLength: 300 }),
  value: fc.option(fc.uint8Array({ maxLength: 20_000 }).map((bytes) => Buffer.from(bytes))),
  timeMs: fc.option(fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })), {
    nil: undefined,
  }),
});
const wireRecords = fc.array(wireRecord, { minLength: 1, maxLength: 80 });

test('kafkajs reads what we write', async () => {
  await fc.assert(
    fc.asyncProperty(wireRecords, fc.constantFrom(0 as const, 1 as const), async (records, compression) => {
      const bytes = await encodeRecordBatch(records, { ...producer, compression }, nowMs);
      const batch = await decodeByKafkajs(new Decoder(bytes));
      assert.equal(batch.lastOffsetDelta, records.length - 1);
      assert.equal(batch.producerId, producer.producerId);
      assert.equal(batch.producerEpoch, producer.producerEpoch);
      assert.equal(batch.firstSequence, producer.firstSequence);
      assert.equal(batch.inTransaction, true);
      assert.equal(batch.maxTimestamp, String(nowMs));
      assert.deepEqual(
        batch.records.map(({ offset, key, value, headers }) => ({
          offset,
          key: key.toString(),
          value,
          timeMs: headers.timeMs?.toString(),
        })),
        records.map(({ key, value, timeMs }, i) => ({
          offset: String(i),
          key,
          value,
          timeMs: timeMs === undefined ? undefined : String(timeMs),
        })),
      );
    }),
    { numRuns: 50 },
  );
});

test('we read what kafkajs writes, and pass over headers of others', async () => {
  await fc.assert(
    fc.asyncProperty(wireRecords, fc.constantFrom(0, 1), async (records, compression) => {
      const { buffer } = await RecordBatch({
        compression,
        firstOffset: 7_000_000_000n,
        producerId: 12,
        lastOffsetDelta: records.length - 1,
        records: records.map(({ key, value, timeMs }, offsetDelta) =>
          Record({
            offsetDelta,
            timestampDelta: 5 * offsetDelta,
            key,
            value,
            headers: {
              trace: 'abc',
              timeMz: '1',
              ...(timeMs === undefined ? {} : { timeMs: String(timeMs) }),
            },
          }),
        ),
      });
      const [batch, ...others] = await decodeRecordBatches(buffer);
      assert.ok(batch);
      assert.equal(others.length, 0);
      assert.equal(batch.firstOffset, 7e9);
      assert.equal(batch.lastOffset, 7e9 + records.length - 1);
      assert.equal(batch.producerId, 12);
      assert.equal(batch.inTransaction, false);
      assert.equal(batch.marker, undefined);
      assert.deepEqual(
        batch.messages,
        records.map(({ key, value, timeMs }, i) => ({
          offset: 7e9 + i,
          key,
          value,
          timeMs: timeMs === undefined ? Number.NaN : timeMs + 0,
        })),
      );
    }),
    { numRuns: 50 },
  );
});

test('a batch that is cut off at the end of an answer is left for the next', async () => {
  const record = { key: 'a', value: Buffer.from('b'), timeMs: 1 };
  const one = await encodeRecordBatch([record], producer, nowMs);
  const two = Buffer.concat([one, one]);
  assert.equal((await decodeRecordBatches(two)).length, 2);
  for (const length of [one.length, one.length + 5, one.length + 61, two.length - 1])
    assert.equal((await decodeRecordBatches(two.subarray(0, length))).length, 1, `${length} bytes`);
});

test('the marks at the end of transactions', async () => {
  for (const [type, marker] of [
    [0, 'abort'],
    [1, 'commit'],
  ] as const) {
    const key = '\0\0\0' + String.fromCharCode(type);
    const bytes = await encodeRecordBatch(
      [{ key, value: Buffer.alloc(6), timeMs: undefined }],
      producer,
      nowMs,
    );
    bytes[22] = (bytes[22] as number) | 32; // a control batch
    const [batch] = await decodeRecordBatches(bytes);
    assert.equal(batch?.marker, marker);
    assert.deepEqual(batch?.messages, []);
  }
});

test('records that we cannot read are refused with what to do', async () => {
  const bytes = await encodeRecordBatch([{ key: 'a', value: null, timeMs: 1 }], producer, nowMs);
  bytes[22] = 3;
  await assert.rejects(decodeRecordBatches(bytes), /compressed with lz4.*compression\.type producer/);
});

test('CRC-32C: the values of RFC 3720, appendix B.4, and those of kafkajs', () => {
  const of = (bytes: Uint8Array) => crc32c(bytes, 0, bytes.length);
  assert.equal(of(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(of(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(of(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.equal(of(bytes), kafkajsCrc32c(Buffer.from(bytes)));
    }),
  );
});
