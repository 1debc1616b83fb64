/** The topic `steps` as a file, so that other processes go on from the same steps without reading the source again. */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Log, NewRecord } from '../../domain/log.js';
import { topics } from '../../domain/topics.js';

const chunkRecords = 2000;

/** A line per record, partition after partition. */
export async function writeSteps(log: Log, file: string): Promise<void> {
  async function* lines(): AsyncGenerator<string> {
    for await (const { partition, key, timeMs, value } of recordsOf(log))
      yield `${JSON.stringify({ partition, key, timeMs, value: value.toString('base64') })}\n`;
  }
  await pipeline(Readable.from(lines()), createWriteStream(file));
}

/** The records again, in chunks to append to a log. */
export async function* readSteps(file: string): AsyncGenerator<NewRecord[]> {
  let chunk: NewRecord[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const { value, ...rest } = JSON.parse(line) as Omit<NewRecord, 'value'> & { readonly value: string };
    chunk.push({ ...rest, topic: topics.steps, value: Buffer.from(value, 'base64') });
    if (chunk.length < chunkRecords) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** SHA-256 of all steps and events: of equal ones, equal networks and forecasts. */
export async function hashSteps(log: Log): Promise<string> {
  const hash = createHash('sha256');
  for await (const { partition, value } of recordsOf(log))
    hash.update(`${partition} ${value.length}\n`).update(value);
  return hash.digest('hex');
}

async function* recordsOf(log: Log) {
  for (const { partition, beginOffset, endOffset } of await log.status(topics.steps))
    yield* log.read({ topic: topics.steps, partition }, beginOffset, endOffset);
}
