import assert from 'node:assert/strict';
import { test } from 'node:test';
import { feedLog } from '../../backtest/feed.js';
import { observeReplay } from '../../backtest/observe-replay.js';
import { type ReplayProgress, type ReplayStage, replay } from '../../backtest/replay.js';
import type { AlertRecord } from '../../domain/alert.js';
import type { EventRecord, ReadingsRecord } from '../../domain/input.js';
import type { NewRecord, PartitionHandler } from '../../domain/log.js';
import type { StepRecord } from '../../domain/step.js';
import { decodeRecord, encodeRecord, topics } from '../../domain/topics.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { feedHistory } from './feed-history.js';

const dayMs = 86_400_000;
const place = { type: 'press', site: 's', line: 'l' };
const reading = (machine: string, day: number, value: number): ReadingsRecord => ({
  kind: 'readings',
  machine,
  ...place,
  ingestTimeMs: day * dayMs,
  sensors: ['load'],
  timesMs: [day * dayMs],
  values: [value],
});
const failure = (machine: string, day: number): EventRecord => ({
  kind: 'event',
  event: 'failure',
  machine,
  ...place,
  eventTimeMs: day * dayMs,
  ingestTimeMs: day * dayMs,
  code: '',
  by: '',
  comment: '',
});

/** Closes a step of every machine on each tick; passes events and ticks on. */
const stepping: ReplayStage = {
  name: 'stepping',
  topic: topics.inputs,
  handlerFor: ({ partition }) => {
    const newest = new Map<string, { value: number; offset: number }>();
    return passing((records) =>
      records.flatMap((record) => {
        const input = decodeRecord(topics.inputs, record);
        if (input.kind === 'readings') {
          newest.set(input.machine, { value: input.values.at(-1) as number, offset: record.offset });
          return [];
        }
        const steps: NewRecord[] = [];
        if (input.kind === 'tick')
          for (const [machine, held] of newest) {
            steps.push(encodeRecord(topics.steps, partition, step(machine, input.timeMs, held)));
            held.offset = -1;
          }
        return [...steps, encodeRecord(topics.steps, partition, input)];
      }),
    );
  },
};

/** The step that ends at `endMs`, with the newest value as coverage: all that the next stage looks at. */
const step = (machine: string, endMs: number, held: { value: number; offset: number }): StepRecord => ({
  kind: 'step',
  machine,
  ...place,
  startMs: endMs - dayMs,
  endMs,
  stepIndex: 0,
  lifeStartMs: 0,
  revision: 0,
  final: true,
  sensors: [null],
  eventCounts: [],
  maintenanceAges: [],
  coverage: [held.value],
  stuck: [false],
  firstOffset: held.offset,
  lastOffset: held.offset,
});

/** Takes the value of a step for the probability. */
const forecasting: ReplayStage = {
  name: 'forecasting',
  topic: topics.steps,
  handlerFor: ({ partition }) =>
    passing((records) =>
      records.map((record) => {
        const input = decodeRecord(topics.steps, record);
        if (input.kind !== 'step') return encodeRecord(topics.forecasts, partition, input);
        return encodeRecord(topics.forecasts, partition, {
          kind: 'forecast',
          machine: input.machine,
          ...place,
          originMs: input.endMs,
          stepIndex: 0,
          revision: 0,
          status: 'ok',
          reason: '',
          model: 'newest value',
          probabilities: [...input.coverage],
          expectedDay: null,
          coverage: 1,
          silentSensors: [],
          stepOffset: 0,
        });
      }),
    ),
};

/** Fires whenever a forecast is above one half. */
const alerting: ReplayStage = {
  name: 'alerting',
  topic: topics.forecasts,
  handlerFor: ({ partition }) =>
    passing((records) =>
      records.flatMap((record) => {
        const forecast = decodeRecord(topics.forecasts, record);
        if (forecast.kind !== 'forecast' || (forecast.probabilities[0] as number) <= 0.5) return [];
        const alert: AlertRecord = {
          kind: 'alert',
          alertId: `high/${forecast.machine}/${forecast.originMs}`,
          dedupeKey: '',
          sequence: 0,
          rule: 'high',
          machine: forecast.machine,
          ...place,
          state: 'firing',
          severity: 'warning',
          transition: 'fired',
          reason: '',
          timeMs: forecast.originMs,
          sinceMs: forecast.originMs,
          acknowledgedBy: '',
          value: forecast.probabilities[0] as number,
          summary: '',
          trace: null,
        };
        return [encodeRecord(topics.alerts, partition, alert)];
      }),
    ),
};

function passing(
  outputsOf: (records: readonly Parameters<typeof decodeRecord>[1][]) => NewRecord[],
): PartitionHandler {
  return {
    restore: () => {},
    process: async ({ records }) => ({
      nextOffset: (records.at(-1)?.offset ?? -1) + 1,
      outputs: outputsOf(records),
      state: [],
    }),
    close: () => {},
  };
}

const history = [reading('a', 0.5, 0.1), reading('b', 0.6, 0.2), reading('a', 1.5, 0.9), failure('a', 2.5)];
const clock = { partitionCount: 3, tickEveryMs: dayMs, untilMs: 4 * dayMs };

test('a history passes every stage, with ticks at each day and at the end', async () => {
  const progress: ReplayProgress[] = [];
  const result = await replay({
    log: new MemoryLog(),
    partitionCount: 3,
    stages: [stepping, forecasting, alerting],
    feed: feedHistory(history, clock),
    onProgress: (step) => progress.push(step),
  });
  const days = (machine: string) =>
    result.forecasts
      .filter((f) => f.machine === machine)
      .map((f) => [f.originMs / dayMs, f.probabilities[0]]);
  assert.deepEqual(days('a'), [
    [1, 0.1],
    [2, 0.9],
    [3, 0.9],
    [4, 0.9],
  ]);
  assert.deepEqual(
    days('b').map(([day]) => day),
    [1, 2, 3, 4],
  );
  assert.deepEqual(
    result.alerts.map(({ machine, timeMs }) => [machine, timeMs / dayMs]),
    [
      ['a', 2],
      ['a', 3],
      ['a', 4],
    ],
  );
  assert.deepEqual(result.events, [failure('a', 2.5)]);
  assert.equal(result.fedCount, 4 + 3 * 4);
  const last = progress.at(-1);
  assert.ok(last?.phase === 'stage' && last.stage === 'alerting' && last.doneCount === last.totalCount);
});

test('batch size and a second replay from the recorded log change nothing', async () => {
  const log = new MemoryLog();
  const stages = [stepping, forecasting, alerting];
  const first = await replay({ log, partitionCount: 3, stages, feed: feedHistory(history, clock) });
  const again = await replay({
    log: new MemoryLog(),
    partitionCount: 3,
    stages,
    feed: feedLog(log),
    batchRecordsMax: 1,
  });
  assert.deepEqual(again, first);
});

test('records after the end are not fed, and a tick never comes before what it follows', async () => {
  const fed: NewRecord[] = [];
  for await (const chunk of feedHistory([...history, reading('b', 9, 1)], clock)) fed.push(...chunk);
  const times = fed.map(({ timeMs }) => timeMs / dayMs);
  assert.deepEqual(times, [0.5, 0.6, 1, 1, 1, 1.5, 2, 2, 2, 2.5, 3, 3, 3, 4, 4, 4]);
});

test('a history out of order is refused', async () => {
  const backwards = feedHistory([reading('a', 2, 0), reading('a', 1, 0)], clock);
  await assert.rejects(async () => {
    for await (const _ of backwards);
  }, /ascending ingest time/);
});

test('a stage that fails stops the replay with its error', async () => {
  const broken: ReplayStage = {
    name: 'broken',
    topic: topics.inputs,
    handlerFor: () => ({
      restore: () => {},
      process: () => Promise.reject(new Error('no weights')),
      close: () => {},
    }),
  };
  await assert.rejects(
    replay({ log: new MemoryLog(), partitionCount: 3, stages: [broken], feed: feedHistory(history, clock) }),
    /no weights/,
  );
});

test('an abort stops the replay with its reason', async () => {
  const controller = new AbortController();
  const stopping = replay({
    log: new MemoryLog(),
    partitionCount: 3,
    stages: [stepping, forecasting, alerting],
    feed: feedHistory(history, clock),
    onProgress: ({ phase }) => {
      if (phase === 'stage') controller.abort(new Error('enough'));
    },
    batchRecordsMax: 1,
    signal: controller.signal,
  });
  await assert.rejects(stopping, /enough/);
});

test('a replay tells how long each machine was watched and how it ended', async () => {
  const fed = [
    reading('a', 0.5, 0.1),
    reading('b', 0.6, 0.2),
    reading('c', 0.6, 0.2),
    reading('d', 1.6, 0.2),
    failure('a', 1.5),
    reading('a', 2.2, 0.1),
    failure('d', 2.4),
    failure('d', 2.4),
    { ...failure('c', 3.2), event: 'retired' as const },
  ].sort((x, y) => x.ingestTimeMs - y.ingestTimeMs);
  const result = await replay({
    log: new MemoryLog(),
    partitionCount: 3,
    stages: [stepping, forecasting, alerting],
    feed: feedHistory(fed, clock),
  });
  const laterFailures = [{ machine: 'b', failureMs: 7 * dayMs }];
  const observations = observeReplay(result, { observedUntilMs: 9 * dayMs, laterFailures });
  const inDays = observations
    .sort((x, y) => (x.machine < y.machine ? -1 : 1))
    .map(({ machine, failuresMs, ...times }) => [
      machine,
      [times.fromMs, times.watchedUntilMs, times.recordEndMs, times.observedUntilMs].map((t) => t / dayMs),
      failuresMs.map((timeMs) => timeMs / dayMs),
    ]);
  assert.deepEqual(inDays, [
    ['a', [0, 3, 3, 3], [1.5]], // repaired, and running when the data ended
    ['b', [0, 1, 7, 9], [7]], // silent after a day; that it failed later is known from elsewhere
    ['c', [0, 1, 1, 3.2], []], // silent after a day, retired later
    ['d', [1, 2.4, 2.4, 9], [2.4]], // ended by its failure, reported twice
  ]);
});
