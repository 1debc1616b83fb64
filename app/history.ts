/**
 * History from files through the live path: messages as machines would have published them, ingest, log, stages; only
 * the log is in memory and the clock is set by the history itself. Training, backtest and live runs thus see the
 * same readings in the same way.
 */
import { readTopic } from '../backtest/read-topic.js';
import { replay } from '../backtest/replay.js';
import { SetClock } from '../domain/clock.js';
import type { Dataset } from '../domain/dataset.js';
import { UserError } from '../domain/errors.js';
import type { History } from '../domain/features.js';
import type { Log, NewRecord } from '../domain/log.js';
import { type TopicRecords, topics } from '../domain/topics.js';
import { MemoryLog } from '../infra/memory/log.js';
import { ingestConfigSchema } from '../ingest/config.js';
import { Ingest } from '../ingest/ingest.js';
import { HistoryBuilder } from '../stream/history.js';
import type { Deployment } from './config.js';
import { describeRefused, type Refused, RefusedTally, readRefused } from './refused.js';
import { datasetMessages, factoryTopic, type TimedMessage } from './replay-messages.js';
import { type NextClockMs, stepCloses, withClock } from './replay-schedule.js';
import { stepStage } from './stages.js';

/** Handed to ingest together, and on: what a replay holds of a history at a time. */
const messagesMax = 2000;
const chunkRecords = 5000;

/**
 * The topics `inputs` and `rejected` as ingest would have written them. Throws UserError at the end of a data set of which nothing
 * was taken.
 */
export async function* feedDataset(
  deployment: Deployment,
  dataset: Dataset,
  signal?: AbortSignal,
): AsyncGenerator<readonly NewRecord[]> {
  const { types, directory } = deployment;
  let chunk: NewRecord[] = [];
  const log = {
    append: async (records: readonly NewRecord[]): Promise<void> => {
      for (const record of records) chunk.push(record);
    },
  };
  // Files hold the machine type's units and sensor names; what the plant's own messages look like does not matter.
  const config = ingestConfigSchema.parse({ time: 'messages' });
  const partitionCount = deployment.config.log.partitions;
  const ingest = new Ingest({ types, directory, config, log, partitionCount, clock: new SetClock(0) });
  const encoder = new TextEncoder();
  const ingestAll = (messages: readonly TimedMessage[]) =>
    Promise.all(messages.map(({ topic, payload }) => ingest.handle(topic, encoder.encode(payload))));
  // Kept until something is taken: what is wrong with a data set of which nothing is.
  const refused = new RefusedTally();
  let waiting: TimedMessage[] = [];
  for await (const message of withClock(
    datasetMessages(dataset, topicOfMachine(deployment)),
    anyStepCloses(deployment),
  )) {
    waiting.push(message);
    if (waiting.length < messagesMax) continue;
    signal?.throwIfAborted();
    await ingestAll(waiting);
    waiting = [];
    if (chunk.length < chunkRecords) continue;
    if (ingest.counters().accepted === 0) refused.addAll(chunk);
    yield chunk;
    chunk = [];
  }
  signal?.throwIfAborted();
  await ingestAll(waiting);
  await ingest.close();
  if (ingest.counters().accepted === 0) {
    refused.addAll(chunk);
    const [most] = refused.list();
    throw new UserError(
      `nothing in ${dataset.name} fits this deployment: ${most ? describeRefused(most) : 'it is empty'}`,
    );
  }
  yield chunk;
}

/** What a caller wants to see while history is read. */
export interface HistoryWatch {
  /** Event time that reading has reached; called often, must be quick. */
  onProgress?(timeMs: number): void;
  /** What ingest and the stream stage would not take; called once, only when there is any. */
  onRefused?(refused: readonly Refused[]): void;
}

/** Labelled histories by machine type. */
export async function buildHistories(
  deployment: Deployment,
  dataset: Dataset,
  signal?: AbortSignal,
  watch: HistoryWatch = {},
): Promise<ReadonlyMap<string, readonly History[]>> {
  const log = new MemoryLog();
  await replay({
    log,
    partitionCount: deployment.config.log.partitions,
    stages: [stepStage(deployment)],
    feed: feedDataset(deployment, dataset, signal),
    inputs: 'forgotten',
    onProgress: (progress) => {
      if (progress.phase === 'feed') watch.onProgress?.(progress.timeMs);
    },
    ...(signal ? { signal } : {}),
  });
  const histories = await readHistories(deployment, log);
  const refused = await readRefused(log);
  if (refused.length > 0) watch.onRefused?.(refused);
  await log.close();
  return histories;
}

/**
 * What the topic `steps` of a log holds, as labelled histories by machine type. With `knownAtMs` as it was known then: steps that
 * had ended, and what had happened before.
 */
export async function readHistories(
  deployment: Deployment,
  log: Log,
  knownAtMs = Number.POSITIVE_INFINITY,
): Promise<ReadonlyMap<string, readonly History[]>> {
  const { types, directory } = deployment;
  const builder = new HistoryBuilder(types, directory);
  for await (const record of readTopic(log, topics.steps))
    if (timeOf(record) <= knownAtMs) builder.add(record);
  return new Map([...types.keys()].map((name) => [name, builder.histories(name)]));
}

function timeOf(record: TopicRecords['steps']): number {
  switch (record.kind) {
    case 'step':
      return record.endMs;
    case 'event':
      return record.eventTimeMs;
    case 'tick':
      return record.timeMs;
  }
}

/** Topic of a machine in the default templates; a machine that the deployment does not know goes under its id. */
export function topicOfMachine({ directory }: Deployment): (machine: string) => string {
  return (id) => factoryTopic(directory.find(id) ?? { id, site: '', line: '' });
}

/** The next time at which a step of any machine type closes. */
export function anyStepCloses({ types }: Deployment): NextClockMs {
  const closes = [...types.values()].map(stepCloses);
  return (timeMs) => Math.min(...closes.map((next) => next(timeMs)));
}
