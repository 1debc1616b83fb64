import assert from 'node:assert/strict';
import { test } from 'node:test';
import { feedHistory, feedLog } from '../../backtest/feed.js';
import { observeReplay } from '../../backtest/observe-replay.js';
import { type ReplayProgress, type ReplayStage, replay } from '../../backtest/replay.js';
import type { AlertRecord } from '../../domain/alert.js';
import type { EventRecord, ReadingsRecord } from '../../domain/input.js';
import type { NewRecord, PartitionHandler } from '../../domain/log.js';
import { decodeRecord, encodeRecord, topics } from '../../domain/topics.js';
import { makeArrayLog } from './array-log.js';

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

/** Forecasts on each tick from the newest value, straight from the inputs; passes events and ticks on. */
const forecasting: ReplayStage = {
  name: 'forecasting',
  topic: topics.inputs,
  handlerFor: ({ partition }) => {
    const newest = new Map<string, number>();
    return passing((records) =>
      records.flatMap((record) => {
        const input = decodeRecord(topics.inputs, record);
        if (input.kind === 'readings') {
          newest.set(input.machine, input.values.at(-1) as number);
          return [];
        }
        if (input.kind === 'event') return [encodeRecord(topics.forecasts, partition, input)];
        const forecasts = [...newest].map(([machine, value]) =>
          encodeRecord(topics.forecasts, partition, {
            kind: 'forecast',
            machine,
            ...place,
            originMs: input.timeMs,
            stepIndex: 0,
            revision: 0,
            status: 'ok',
            reason: '',
            model: 'newest value',
            probabilities: [value],
            expectedDay: null,
            coverage: 1,
            silentSensors: [],
            stepOffset: 0,
          }),
        );
        return [...forecasts, encodeRecord(topics.forecasts, partition, input)];
      }),
    );
  },
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
    log: makeArrayLog(),
    partitionCount: 3,
    stages: [forecasting, alerting],
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
  const log = makeArrayLog();
  const stages = [forecasting, alerting];
  const first = await replay({ log, partitionCount: 3, stages, feed: feedHistory(history, clock) });
  const again = await replay({
    log: makeArrayLog(),
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
    replay({ log: makeArrayLog(), partitionCount: 3, stages: [broken], feed: feedHistory(history, clock) }),
    /no weights/,
  );
});

test('an abort stops the replay with its reason', async () => {
  const controller = new AbortController();
  const stopping = replay({
    log: makeArrayLog(),
    partitionCount: 3,
    stages: [forecasting, alerting],
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
  const retired: EventRecord = { ...failure('c', 3.7), event: 'retired' };
  const result = await replay({
    log: makeArrayLog(),
    partitionCount: 3,
    stages: [forecasting, alerting],
    // The failure is reported twice; c is retired after its last forecast.
    feed: feedHistory(
      [reading('a', 0.5, 0.1), reading('b', 0.6, 0.2), failure('a', 3.5), failure('a', 3.5)],
      {
        ...clock,
        untilMs: 3.5 * dayMs,
      },
    ),
  });
  const inDays = (result_: Pick<typeof result, 'forecasts' | 'events'>) =>
    observeReplay(result_, {
      observedUntilMs: 9 * dayMs,
      laterFailures: [{ machine: 'b', failureMs: 7 * dayMs }],
    })
      .sort((x, y) => (x.machine < y.machine ? -1 : 1))
      .map(({ machine, fromMs, watchedUntilMs, failuresMs, recordEndMs, observedUntilMs }) => [
        machine,
        ...[fromMs, watchedUntilMs, recordEndMs, observedUntilMs].map((timeMs) => timeMs / dayMs),
        failuresMs.map((timeMs) => timeMs / dayMs),
      ]);
  assert.deepEqual(inDays(result), [
    ['a', 1, 3.5, 3.5, 9, [3.5]],
    ['b', 1, 3, 7, 9, [7]],
  ]);
  const ofA = result.forecasts.filter(({ machine }) => machine === 'a');
  const c = ofA.map((forecast) => ({ ...forecast, machine: 'c' }));
  assert.deepEqual(inDays({ forecasts: c, events: [retired] }), [['c', 1, 3, 3, 3.7, []]]);
  assert.deepEqual(inDays({ forecasts: c, events: [] }), [['c', 1, 3, 3, 3, []]]);
});
