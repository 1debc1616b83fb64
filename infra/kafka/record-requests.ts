/**
 * The two requests that carry records, with our own encoding of these (record-batch.ts) in the frame that kafkajs sends and
 * answers: versions 7 of Produce and 11 of Fetch, which brokers have since Kafka 2.3.
 */
import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { WorldError } from '../../domain/errors.js';
import {
  type BatchProducer,
  decodeRecordBatches,
  encodeRecordBatch,
  type RecordBatch,
  readInt64,
  type WireRecord,
} from './record-batch.js';
import type { Broker, RequestProtocol } from './wire.js';

export interface ProduceRequest extends Omit<BatchProducer, 'firstSequence' | 'transactional'> {
  readonly transactionalId: string | null;
  /** How long the replicas may take. */
  readonly timeoutMs: number;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly firstSequence: number;
      readonly records: readonly WireRecord[];
    }[];
  }[];
}

export interface FetchRequest {
  /** How long the broker waits for something to come. */
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly fetchOffset: number;
    readonly maxBytes: number;
  }[];
}

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly lastStableOffset: number;
  readonly abortedTransactions: readonly { readonly producerId: number; readonly firstOffset: number }[];
  readonly batches: readonly RecordBatch[];
}

const require = createRequire(import.meta.url);
const kafkajsRequest = (path: string) => require(`kafkajs/src/protocol/requests/${path}`);

const produceKey = 0;
const fetchKey = 1;
const readCommitted = 1;
const allReplicas = -1;

/** Resolves when the records are durable. Rejects with an error of kafkajs, see errors.ts. */
export async function produce(broker: Broker, request: ProduceRequest, nowMs: number): Promise<void> {
  await send(broker, produceKey, 7, () => ({
    request: {
      apiKey: produceKey,
      apiVersion: 7,
      apiName: 'Produce',
      expectResponse: () => true,
      encode: async () => asEncoder(await encodeProduce(request, nowMs)),
    },
    response: kafkajsRequest('produce/v7/response'),
  }));
}

/** Committed records, and those outside of transactions. Rejects with an error of kafkajs, see errors.ts. */
export async function fetch(
  broker: Broker,
  { maxWaitMs, maxBytes, partitions }: FetchRequest,
): Promise<FetchedPartition[]> {
  const { responses } = (await send(broker, fetchKey, 11, () => ({
    request: kafkajsRequest('fetch/v11/request')({
      replicaId: -1,
      isolationLevel: readCommitted,
      maxWaitTime: maxWaitMs,
      minBytes: 1,
      maxBytes,
      topics: partitions.map(({ topic, ...partition }) => ({ topic, partitions: [partition] })),
    }),
    response: { decode: decodeFetch, parse: kafkajsRequest('fetch/v11/response').parse },
  }))) as Awaited<ReturnType<typeof decodeFetch>>;
  return responses.flatMap(({ topicName, partitions: fetched }) =>
    fetched.map((one) => ({ ...one, topic: topicName })),
  );
}

async function send(
  broker: Broker,
  apiKey: number,
  version: number,
  make: () => RequestProtocol,
): Promise<unknown> {
  const protocol = broker.lookupRequest(apiKey, {
    versions: [version],
    protocol: ({ version: supported }) => {
      if (supported === version) return make();
      throw new WorldError('rejected', 'the Kafka brokers are too old: version 2.3 or later is needed', {
        retryable: false,
      });
    },
  });
  try {
    return await broker.connectionPool.send(protocol);
  } catch (error) {
    // As kafkajs does with requests of its own: the next one connects anew.
    if ((error as Error).name === 'KafkaJSConnectionClosedError') await broker.disconnect();
    throw error;
  }
}

async function encodeProduce(request: ProduceRequest, nowMs: number): Promise<Buffer> {
  const { transactionalId, timeoutMs, topics } = request;
  const parts: Buffer[] = [text(transactionalId), int16(allReplicas), int32(timeoutMs), int32(topics.length)];
  for (const { topic, partitions } of topics) {
    parts.push(text(topic), int32(partitions.length));
    for (const { partition, firstSequence, records } of partitions) {
      const producer = { ...request, firstSequence, transactional: transactionalId !== null };
      const batch = await encodeRecordBatch(records, producer, nowMs);
      parts.push(int32(partition), int32(batch.length), batch);
    }
  }
  return Buffer.concat(parts);
}

/** What kafkajs wants a request's `encode` to give. */
function asEncoder(buffer: Buffer): object {
  return { buf: buffer, buffer };
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string | null): Buffer {
  if (value === null) return int16(-1);
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}

/** In the shape whose errors kafkajs' `parse` finds. */
async function decodeFetch(bytes: Buffer) {
  const reader = new ResponseReader(bytes);
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  reader.int32(); // session
  const responses = [];
  for (let topicCount = reader.int32(); topicCount > 0; topicCount--) {
    const topicName = reader.text();
    const partitions = [];
    for (let count = reader.int32(); count > 0; count--) partitions.push(await readPartition(reader));
    responses.push({ topicName, partitions });
  }
  return { clientSideThrottleTime, errorCode, responses };
}

async function readPartition(reader: ResponseReader) {
  const partition = reader.int32();
  const errorCode = reader.int16();
  reader.int64(); // high watermark
  const lastStableOffset = reader.int64();
  reader.int64(); // first offset of the log
  const abortedTransactions = [];
  for (let count = reader.int32(); count > 0; count--)
    abortedTransactions.push({ producerId: reader.int64(), firstOffset: reader.int64() });
  reader.int32(); // preferred replica
  const batches = await decodeRecordBatches(reader.bytes());
  return { partition, errorCode, lastStableOffset, abortedTransactions, batches };
}

class ResponseReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int16(): number {
    this.#at += 2;
    return this.#bytes.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#bytes.readInt32BE(this.#at - 4);
  }

  int64(): number {
    this.#at += 8;
    return readInt64(this.#bytes, this.#at - 8);
  }

  text(): string {
    return this.#take(this.int16()).toString('utf8');
  }

  /** Empty for none. */
  bytes(): Buffer {
    return this.#take(Math.max(0, this.int32()));
  }

  #take(length: number): Buffer {
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
