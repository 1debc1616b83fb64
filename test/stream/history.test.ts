import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventKind, EventRecord, InputRecord } from '../../domain/input.js';
import { type MachineType, machineTypeSchema } from '../../domain/machine-type.js';
import { HistoryBuilder } from '../../stream/history.js';
import { StepOperator } from '../../stream/step-operator.js';
import type { StepOutput } from '../../stream/step-output.js';
import { WindowOperator } from '../../stream/window-operator.js';
import { makeRandomHistory, seed } from './random-history.js';
import { directory } from './run-stages.js';

const dayMs = 86_400_000;

function pressType(failureEndsLife: boolean): MachineType {
  return machineTypeSchema.parse({
    name: 'press',
    sensors: [{ name: 'heat' }],
    horizonSteps: 4,
    failureEndsLife,
  });
}

function reading(day: number, value = day): InputRecord {
  const timeMs = day * dayMs + 1;
  const columns = { sensors: ['heat'], timesMs: [timeMs], values: [value] };
  return {
    kind: 'readings',
    machine: 'm',
    type: 'press',
    site: '',
    line: '',
    ingestTimeMs: timeMs,
    ...columns,
  };
}

function event(kind: EventKind, day: number): EventRecord {
  const eventTimeMs = day * dayMs;
  const who = { machine: 'm', type: 'press', site: '', line: '', code: '', by: '', comment: '' };
  return { kind: 'event', event: kind, ...who, eventTimeMs, ingestTimeMs: eventTimeMs };
}

function historiesOf(type: MachineType, inputs: readonly InputRecord[]) {
  const types = new Map([[type.name, type]]);
  const operator = new StepOperator(types);
  const builder = new HistoryBuilder(types, directory);
  const output: StepOutput = { steps: [], rejected: [] };
  for (const [offset, record] of inputs.entries()) operator.process(record, offset, output);
  for (const record of output.steps) builder.add(record);
  return builder.histories(type.name).map(({ originsMs, eventDay, knownDays }) => ({
    origins: Array.from(originsMs, (ms) => ms / dayMs),
    eventDay: [...eventDay],
    knownDays: [...knownDays],
  }));
}

/** A reading a day, each day closed by its tick. */
function days(from: number, to: number): InputRecord[] {
  const inputs: InputRecord[] = [];
  for (let day = from; day < to; day++)
    inputs.push(reading(day), { kind: 'tick', timeMs: (day + 1) * dayMs });
  return inputs;
}

test('a life that ends in failure is known up to the failure; a new one is censored at the end of the record', () => {
  const inputs = [...days(0, 6), reading(6), event('failure', 6.5), ...days(7, 10)];
  assert.deepEqual(historiesOf(pressType(true), inputs), [
    { origins: [1, 2, 3, 4, 5, 6], eventDay: [0, 0, 4, 3, 2, 1], knownDays: [4, 4, 4, 3, 2, 1] },
    { origins: [8, 9, 10], eventDay: [0, 0, 0], knownDays: [2, 1, 0] },
  ]);
});

test('a failure reported days late labels the steps before it and takes those from it on away', () => {
  const inputs = [...days(0, 6), event('failure', 3.5)];
  assert.deepEqual(historiesOf(pressType(true), inputs), [
    { origins: [1, 2, 3], eventDay: [3, 2, 1], knownDays: [3, 2, 1] },
  ]);
});

test('a machine that is repaired goes on: each row is labelled with the next failure', () => {
  const inputs = [...days(0, 3), reading(3), event('failure', 3.5), ...days(3, 8)];
  assert.deepEqual(historiesOf(pressType(false), inputs), [
    {
      origins: [1, 2, 3, 4, 5, 6, 7, 8],
      eventDay: [3, 2, 1, 0, 0, 0, 0, 0],
      knownDays: [3, 2, 1, 4, 3, 2, 1, 0],
    },
  ]);
});

test('a retired machine is censored there; a failure found out afterwards still counts', () => {
  const inputs = [...days(0, 3), event('retired', 3)];
  assert.deepEqual(historiesOf(pressType(true), inputs), [
    { origins: [1, 2, 3], eventDay: [0, 0, 0], knownDays: [2, 1, 0] },
  ]);
  assert.deepEqual(historiesOf(pressType(true), [...inputs, event('failure', 4.5)]), [
    { origins: [1, 2, 3], eventDay: [4, 3, 2], knownDays: [4, 3, 2] },
  ]);
});

/** Said on a day of the alert that arose on another. */
const said = (code: string, ofDay: number, onDay: number): EventRecord => ({
  ...event('feedback', onDay),
  code,
  alert: `near/m/${ofDay * dayMs}`,
});

// Ten days without a failure, a service on day 5: what is known of the rows is 4 days, fewer at the end of the record.
const allKnown = [4, 4, 4, 4, 4, 4, 3, 2, 1, 0];
for (const { name, told, knownDays } of [
  { name: 'nothing was said: a service is no end', told: [event('maintenance', 5.5)], knownDays: allKnown },
  {
    name: 'a confirmed alert, then the repair: nothing is known of its day and later by rows before it',
    told: [said('true', 4, 5), event('maintenance', 5.5)],
    knownDays: [4, 3, 2, 1, 0, 4, 3, 2, 1, 0],
  },
  {
    name: 'the feedback comes long after the repair: the same',
    told: [event('maintenance', 5.5), said('true', 4, 9.5)],
    knownDays: [4, 3, 2, 1, 0, 4, 3, 2, 1, 0],
  },
  {
    name: 'a false alarm ends nothing',
    told: [said('false', 4, 5), event('maintenance', 5.5)],
    knownDays: allKnown,
  },
  {
    name: 'nor does an unclear one',
    told: [said('unclear', 4, 5), event('maintenance', 5.5)],
    knownDays: allKnown,
  },
  {
    name: 'the last word counts',
    told: [said('true', 4, 5), event('maintenance', 5.5), said('false', 4, 6)],
    knownDays: allKnown,
  },
  {
    name: 'no maintenance follows',
    told: [event('maintenance', 3), said('true', 4, 5)],
    knownDays: allKnown,
  },
  {
    name: 'maintenance later than the horizon is no answer to the alert',
    told: [said('true', 1, 5), event('maintenance', 5.5)],
    knownDays: allKnown,
  },
])
  test(`a repair on a confirmed alert censors: ${name}`, () => {
    const inputs = [...days(0, 10), ...told];
    const [history] = historiesOf(pressType(true), inputs);
    assert.deepEqual(history?.knownDays, knownDays);
    assert.deepEqual(
      history?.eventDay,
      knownDays.map(() => 0),
    );
  });

test('a failure counts: before the repair it is the label, after it only the rows since know of it', () => {
  const repaired = [said('true', 3, 4), event('maintenance', 5.5)];
  const [before] = historiesOf(pressType(false), [...days(0, 8), event('failure', 4.5), ...repaired]);
  assert.deepEqual(before?.eventDay, [4, 3, 2, 1, 0, 0, 0, 0]);
  assert.deepEqual(before?.knownDays, [4, 3, 2, 1, 3, 2, 1, 0]);
  const [after] = historiesOf(pressType(false), [...days(0, 8), ...repaired, event('failure', 7.5)]);
  assert.deepEqual(after?.eventDay, [0, 0, 0, 0, 0, 2, 1, 0]);
  assert.deepEqual(after?.knownDays, [4, 3, 2, 1, 0, 2, 1, 0]);
  const [sameDay] = historiesOf(pressType(false), [...days(0, 8), ...repaired, event('failure', 5.7)]);
  assert.deepEqual(sameDay?.eventDay, [0, 4, 3, 2, 1, 0, 0, 0]);
});

test(`rows of a history are the rows of the windows (seed ${seed})`, () => {
  let compared = 0;
  for (let index = 0; index < 100; index++) {
    const { type, inputs } = makeRandomHistory(seed + index);
    const types = new Map([[type.name, type]]);
    const operator = new StepOperator(types);
    const output: StepOutput = { steps: [], rejected: [] };
    for (const [offset, record] of inputs.entries()) operator.process(record, offset, output);
    const builder = new HistoryBuilder(types, directory);
    const windows = new WindowOperator(types, directory);
    // The newest final window of each origin, by machine; lives with another start overwrite only their own steps.
    const shown = new Map<string, Float32Array>();
    for (const record of output.steps) {
      builder.add(record);
      if (record.kind === 'event') windows.event(record);
      if (record.kind !== 'step') continue;
      for (const { machine, originMs, final, window } of windows.step(record))
        if (final) shown.set(`${machine} ${originMs}`, window.rows);
    }
    for (const { machine, rows, stepCount, originsMs } of builder.histories(type.name)) {
      const width = rows.length / stepCount;
      for (let i = 0; i < stepCount; i++) {
        const window = shown.get(`${machine} ${originsMs[i]}`);
        assert.ok(window, `history ${seed + index}: a window for each row`);
        assert.deepEqual(rows.slice(i * width, (i + 1) * width), window.slice(window.length - width));
        compared++;
      }
    }
  }
  assert.ok(compared > 100, `${compared} rows compared`);
});
