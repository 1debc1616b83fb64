/**
 * Runs a history through exactly the stages that run live, over a log of its own. Nothing here reads a clock: time is
 * in the records (readings, events and ticks), so the same feed gives the same forecasts and alerts on every run.
 */
import type { AlertRecord } from '../domain/alert.js';
import type { ForecastRecord } from '../domain/forecast.js';
import type { EventRecord } from '../domain/input.js';
import type { Consumer, Log, NewRecord, PartitionHandler, PartitionId, TopicSpec } from '../domain/log.js';
import { topicSpecs, topics } from '../domain/topics.js';
import { readTopic } from './read-topic.js';

/** A stage as the wiring starts it live: its group's name, the topic it consumes, and a handler per partition. */
export interface ReplayStage {
  readonly name: string;
  readonly topic: string;
  handlerFor(partition: PartitionId): PartitionHandler;
}

/** The stretch in which a machine spoke: from its first closed step with a reading to its last. */
export interface SpokenSpan {
  readonly machine: string;
  /** Start of the first of these steps. */
  readonly fromMs: number;
  /** Start and end of the last one. */
  readonly lastStepMs: number;
  readonly untilMs: number;
}

export interface ReplayResult {
  /** Records fed to `inputs`, ticks included. */
  readonly fedCount: number;
  /** One per machine that has a closed step with a reading. */
  readonly spans: readonly SpokenSpan[];
  /** All forecasts in log order (partition by partition), every revision, provisional ones too. */
  readonly forecasts: readonly ForecastRecord[];
  /** Events that passed the stream stage, in log order. */
  readonly events: readonly EventRecord[];
  /** All transitions of alerts in log order. */
  readonly alerts: readonly AlertRecord[];
  /** Records in `rejected`: readings that came too late for a revision. */
  readonly rejectedCount: number;
}

export type ReplayProgress =
  /** `timeMs`: plant time of the newest record fed. */
  | { readonly phase: 'feed'; readonly fedCount: number; readonly timeMs: number }
  | {
      readonly phase: 'stage';
      readonly stage: string;
      readonly doneCount: number;
      readonly totalCount: number;
    };

/**
 * Lets the first stage consume what is fed, piece by piece, then each of the others its whole input, in the order given.
 * Live, all go at once; as a stage may depend on nothing but the order of records within a partition, it is the same.
 *
 * The log must be new, or hold nothing but inputs. Its topics are made here and keep every record: live, compaction and
 * retention wait for every group, here they would not know of those to come. The caller closes the log. Rejects with what
 * stopped a stage, or with the signal's reason once the batch in hand is done.
 */
export async function replay(options: {
  readonly log: Log;
  /** As live, and as the feed has it: machines that share a partition share its time. */
  readonly partitionCount: number;
  readonly stages: readonly ReplayStage[];
  readonly feed: AsyncIterable<readonly NewRecord[]>;
  /** Forgotten: inputs are removed once the first stage has passed them, and the log stays small. Default: kept. */
  readonly inputs?: 'kept' | 'forgotten';
  readonly batchRecordsMax?: number;
  readonly onProgress?: (progress: ReplayProgress) => void;
  readonly signal?: AbortSignal;
}): Promise<ReplayResult> {
  const { log, partitionCount, stages, feed, batchRecordsMax = 1000, onProgress, signal } = options;
  await log.ensureTopics(
    replayTopicSpecs(partitionCount).map((spec) =>
      spec.name === topics.inputs && options.inputs === 'forgotten' ? { ...spec, retentionMs: 0 } : spec,
    ),
  );
  const [first, ...later] = stages.map((stage) => () => new StageRun(log, stage, batchRecordsMax, signal));
  let fedCount = 0;
  const running = first?.();
  try {
    for await (const records of feed) {
      signal?.throwIfAborted();
      await log.append(records);
      fedCount += records.length;
      await running?.catchUp();
      onProgress?.({ phase: 'feed', fedCount, timeMs: records.at(-1)?.timeMs ?? Number.NaN });
    }
    await running?.end(onProgress);
  } finally {
    await running?.stop();
  }
  for (const start of later) await start().end(onProgress);
  const forecasts: ForecastRecord[] = [];
  for await (const record of readTopic(log, topics.forecasts))
    if (record.kind === 'forecast') forecasts.push(record);
  const alerts: AlertRecord[] = [];
  for await (const record of readTopic(log, topics.alerts)) alerts.push(record);
  return {
    fedCount,
    forecasts,
    alerts,
    ...(await readFates(log)),
    rejectedCount: await countRecords(log, topics.rejected),
  };
}

/** The pipeline's topics, with everything kept: a replay reads back what compaction would have removed. */
export function replayTopicSpecs(partitionCount: number): TopicSpec[] {
  return topicSpecs(partitionCount, Infinity).map((spec) => ({
    ...spec,
    cleanup: 'delete',
    retentionMs: Infinity,
  }));
}

/** One stage at work on its topic, from its beginning. */
class StageRun {
  readonly #log: Log;
  readonly #stage: ReplayStage;
  readonly #consumer: Consumer;
  #doneCount = 0;
  #onBatch: () => void = () => {};

  constructor(log: Log, stage: ReplayStage, batchRecordsMax: number, signal: AbortSignal | undefined) {
    this.#log = log;
    this.#stage = stage;
    this.#consumer = log.consume({
      group: stage.name,
      topics: [stage.topic],
      batchRecordsMax,
      from: 'beginning',
      handlerFor: (partition) => {
        const handler = stage.handlerFor(partition);
        return {
          restore: (state) => handler.restore(state),
          process: async (batch) => {
            signal?.throwIfAborted();
            const checkpoint = await handler.process(batch);
            this.#doneCount += batch.records.length;
            this.#onBatch();
            return checkpoint;
          },
          close: () => handler.close(),
        };
      },
    });
    // What stopped it is told to whoever waits for it.
    this.#consumer.done.catch(() => {});
  }

  /** Resolves when it has processed what its topic holds. */
  async catchUp(): Promise<void> {
    const totalCount = await countRecords(this.#log, this.#stage.topic);
    const caughtUp = new Promise<void>((resolve) => {
      this.#onBatch = () => {
        if (this.#doneCount >= totalCount) resolve();
      };
      this.#onBatch();
    });
    await Promise.race([caughtUp, this.#consumer.done]);
  }

  /** The same, and stops. */
  async end(onProgress: ((progress: ReplayProgress) => void) | undefined): Promise<void> {
    const totalCount = await countRecords(this.#log, this.#stage.topic);
    this.#onBatch = () =>
      onProgress?.({ phase: 'stage', stage: this.#stage.name, doneCount: this.#doneCount, totalCount });
    // A stage that fails, or an abort, stops the consumer and rejects `done`: there is nothing left to drain then.
    await Promise.all([this.#consumer.done, this.#consumer.close({ drain: true })]);
  }

  stop(): Promise<void> {
    return this.#consumer.close();
  }
}

/** What has become of the machines, as far as the topic `steps` tells. */
export async function readFates(log: Log): Promise<Pick<ReplayResult, 'spans' | 'events'>> {
  const spans = new Map<string, SpokenSpan>();
  const events: EventRecord[] = [];
  for await (const record of readTopic(log, topics.steps)) {
    if (record.kind === 'event') events.push(record);
    if (record.kind !== 'step' || !record.final || record.lastOffset < 0) continue;
    const { machine, startMs, endMs } = record;
    const known = spans.get(machine);
    spans.set(machine, {
      machine,
      fromMs: Math.min(startMs, known?.fromMs ?? Infinity),
      lastStepMs: Math.max(startMs, known?.lastStepMs ?? -Infinity),
      untilMs: Math.max(endMs, known?.untilMs ?? -Infinity),
    });
  }
  return { spans: [...spans.values()], events };
}

/** Offsets given out in a topic: how many records it got, whether or not compaction has removed some. */
async function countRecords(log: Log, topic: string): Promise<number> {
  let count = 0;
  for (const { beginOffset, endOffset } of await log.status(topic)) count += endOffset - beginOffset;
  return count;
}
