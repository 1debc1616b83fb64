/**
 * History from files through the live path: messages as machines would have published them, ingest, log, stages; only
 * the log is in memory and the clock is set by the history itself. Training, backtest and live runs thus see the
 * same readings in the same way.
 */

import { replay, replayTopicSpecs } from '../backtest/replay.js';
import { SetClock } from '../domain/clock.js';
import type { Dataset } from '../domain/dataset.js';
import { UserError } from '../domain/errors.js';
import type { History } from '../domain/features.js';
import type { Log } from '../domain/log.js';
import { decodeRecord, topics } from '../domain/topics.js';
import { MemoryLog } from '../infra/memory/log.js';
import { ingestConfigSchema } from '../ingest/config.js';
import { Ingest } from '../ingest/ingest.js';
import { HistoryBuilder } from '../stream/history.js';
import type { Deployment } from './config.js';
import { describeRefused, type Refused, readRefused } from './refused.js';
import { datasetMessages, factoryTopic } from './replay-messages.js';
import { type NextClockMs, replayTo, stepCloses } from './replay-schedule.js';
import { stepStage } from './stages.js';

export interface IngestedHistory {
  /** In memory; its topic `inputs` holds the data set as ingest took it. The caller closes it. */
  readonly log: Log;
}

/** What a caller wants to see while history is read. */
export interface HistoryWatch {
  /** Event time that reading has reached; called often, must be quick. */
  onProgress?(timeMs: number): void;
  /** What ingest and the stream stage would not take; called once, only when there is any. */
  onRefused?(refused: readonly Refused[]): void;
}

export async function ingestDataset(
  deployment: Deployment,
  dataset: Dataset,
  signal?: AbortSignal,
  watch: HistoryWatch = {},
): Promise<IngestedHistory> {
  const { types, directory } = deployment;
  const partitionCount = deployment.config.log.partitions;
  const log = new MemoryLog();
  await log.ensureTopics(replayTopicSpecs(partitionCount));
  // Files hold the machine type's units and sensor names; what the plant's own messages look like does not matter.
  const config = ingestConfigSchema.parse({ time: 'messages' });
  const ingest = new Ingest({ types, directory, config, log, partitionCount, clock: new SetClock(0) });
  const encoder = new TextEncoder();
  const publish = async (topic: string, payload: string): Promise<void> => {
    await ingest.handle(topic, encoder.encode(payload));
  };
  await replayTo(publish, datasetMessages(dataset, topicOfMachine(deployment)), {
    speed: 'max',
    clockMessages: anyStepCloses(deployment),
    onProgress: ({ timeMs }) => watch.onProgress?.(timeMs),
    ...(signal ? { signal } : {}),
  });
  signal?.throwIfAborted();
  const { accepted } = ingest.counters();
  await ingest.close();
  if (accepted === 0) {
    const [most] = await readRefused(log);
    throw new UserError(
      `nothing in ${dataset.name} fits this deployment: ${most ? describeRefused(most) : 'it is empty'}`,
    );
  }
  return { log };
}

/** Labelled histories by machine type, made by the stages that serve. */
export async function buildHistories(
  deployment: Deployment,
  dataset: Dataset,
  signal?: AbortSignal,
  watch: HistoryWatch = {},
): Promise<ReadonlyMap<string, readonly History[]>> {
  const { log } = await ingestDataset(deployment, dataset, signal, watch);
  await replay({
    log,
    partitionCount: deployment.config.log.partitions,
    stages: [stepStage(deployment)],
    feed: nothing(),
    ...(signal ? { signal } : {}),
  });
  const histories = await readHistories(deployment, log);
  const refused = await readRefused(log);
  if (refused.length > 0) watch.onRefused?.(refused);
  await log.close();
  return histories;
}

/** What the topic `steps` of a log holds, as labelled histories by machine type. */
export async function readHistories(
  deployment: Deployment,
  log: Log,
): Promise<ReadonlyMap<string, readonly History[]>> {
  const { types, directory } = deployment;
  const builder = new HistoryBuilder(types, directory);
  for (const { partition, beginOffset } of await log.status(topics.steps))
    for await (const record of log.read({ topic: topics.steps, partition }, beginOffset))
      builder.add(decodeRecord(topics.steps, record));
  return new Map([...types.keys()].map((name) => [name, builder.histories(name)]));
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

/** A feed for logs that are filled already. */
export async function* nothing(): AsyncGenerator<never[]> {}
