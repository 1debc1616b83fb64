import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../domain/errors.js';
import type { EventKind, EventRecord, InputRecord, ReadingsRecord } from '../../domain/input.js';
import { type MachineTypeInput, machineTypeSchema } from '../../domain/machine-type.js';
import type { StepRecord } from '../../domain/step.js';
import { StepOperator } from '../../stream/step-operator.js';
import type { StepOutput } from '../../stream/step-output.js';
import { readAccount } from '../../stream/step-state-entries.js';

const dayMs = 86_400_000;

function pressType(changes: Partial<MachineTypeInput> = {}) {
  return machineTypeSchema.parse({
    name: 'press',
    sensors: [{ name: 'heat', expectedPerStep: 2, stuckAfter: 2, min: 0, max: 100, outOfRange: 'flag' }],
    eventCodes: ['E1'],
    maintenanceKinds: ['pump'],
    ...changes,
  });
}

/** Times in days. */
function reading(machine: string, day: number, value = 1): ReadingsRecord {
  const who = { machine, type: 'press', site: 'north', line: '2', ingestTimeMs: 0 };
  return { kind: 'readings', ...who, sensors: ['heat'], timesMs: [Math.round(day * dayMs)], values: [value] };
}

function event(kind: EventKind, machine: string, day: number, code = ''): InputRecord {
  const who = { machine, type: 'press', site: 'north', line: '2', code, by: '', comment: '' };
  return { kind: 'event', event: kind, ...who, eventTimeMs: Math.round(day * dayMs), ingestTimeMs: 0 };
}

function tick(day: number): InputRecord {
  return { kind: 'tick', timeMs: Math.round(day * dayMs) };
}

function run(inputs: readonly InputRecord[], type = pressType()) {
  const operator = new StepOperator(new Map([[type.name, type]]));
  const output: StepOutput = { steps: [], rejected: [] };
  for (const [offset, record] of inputs.entries()) operator.process(record, offset, output);
  const steps = output.steps.filter((record): record is StepRecord => record.kind === 'step');
  return { operator, output, steps };
}

/** machine, day, ordinal in its life, revision and number of readings. */
function told(steps: readonly StepRecord[]): string[] {
  return steps.map(
    ({ machine, startMs, stepIndex, revision, final, sensors }) =>
      `${machine} day ${startMs / dayMs} #${stepIndex} r${revision}${final ? '' : ' open'}: ${sensors[0]?.count ?? 0}`,
  );
}

test('a step closes when a tick passes its end plus grace, whether or not the machine spoke', () => {
  const { steps } = run(
    [reading('a', 0.5), tick(1.04), tick(1.05), tick(2.05)],
    pressType({ graceMs: '1h' }),
  );
  assert.deepEqual(told(steps), ['a day 0 #0 r0: 1', 'a day 1 #1 r0: 0']);
  assert.deepEqual([steps[0]?.coverage, steps[1]?.coverage], [[0.5], [0]]);
});

test('a machine with a fast clock closes nobody else’s step', () => {
  const { steps, output } = run([
    tick(0.4),
    reading('a', 0.5),
    reading('fast', 2.5),
    reading('fast', 3),
    reading('a', 0.6),
    tick(1),
  ]);
  assert.deepEqual(told(steps), ['a day 0 #0 r0: 2']);
  assert.deepEqual(
    output.rejected.map(({ reason }) => reason),
    ['in-the-future'],
  );
  assert.match(output.rejected[0]?.detail ?? '', /more than 2 steps after .* check the machine's clock/);
});

test('late readings re-open closed steps within the horizon, once per tick; older ones are rejected as late', () => {
  const { steps, output, operator } = run([
    reading('a', 0.5),
    tick(1),
    tick(2),
    reading('a', 0.6),
    reading('a', 0.7),
    tick(2.1),
    tick(3),
    reading('a', 0.8),
  ]);
  assert.deepEqual(told(steps), [
    'a day 0 #0 r0: 1',
    'a day 1 #1 r0: 0',
    'a day 0 #0 r1: 3',
    'a day 2 #2 r0: 0',
  ]);
  assert.deepEqual(operator.ledger, { accepted: 3, duplicate: 0, late: 1, rejected: 0 });
  assert.match(
    output.rejected[0]?.detail ?? '',
    /^before 1970-01-02T00:00:00.000Z, the earliest time still taken/,
  );
});

test('the step of a failure is not emitted; stragglers are late, a later reading begins a new life', () => {
  const { steps, operator } = run([
    reading('a', 0.5),
    tick(1),
    reading('a', 1.2),
    event('failure', 'a', 1.5),
    event('failure', 'a', 1.5),
    reading('a', 1.4), // still on its way when the machine failed
    reading('a', 1.8),
    tick(2),
    tick(3),
  ]);
  assert.deepEqual(told(steps), ['a day 0 #0 r0: 1', 'a day 1 #0 r0: 1', 'a day 2 #1 r0: 0']);
  assert.equal(operator.ledger.late, 1);
});

test('a step that two lives share goes on counting its revisions', () => {
  const type = pressType({ provisionalEveryMs: '6h' });
  const { steps } = run(
    [reading('a', 0.1), tick(0.3), event('failure', 'a', 0.4), reading('a', 0.6), tick(0.8), tick(1)],
    type,
  );
  assert.deepEqual(told(steps), ['a day 0 #0 r0 open: 1', 'a day 0 #0 r1 open: 1', 'a day 0 #0 r2: 1']);
});

test('a machine that stays silent retires, and says so', () => {
  const { steps, output } = run(
    [reading('a', 0.5), ...[1, 2, 3, 4, 5].map(tick)],
    pressType({ retireAfterSteps: 3 }),
  );
  assert.equal(steps.length, 4);
  const retired = output.steps.find((record) => record.kind === 'event');
  assert.deepEqual(
    retired?.kind === 'event' && [
      retired.event,
      retired.machine,
      retired.eventTimeMs / dayMs,
      retired.comment,
    ],
    ['retired', 'a', 4, 'silent for 3 steps'],
  );
});

test('errors are counted in their step and maintenance resets ages, also when told late; duplicates have no effect', () => {
  const { steps, output } = run([
    reading('a', 0.5),
    event('error', 'a', 0.6, 'E1'),
    event('error', 'a', 0.6, 'E1'),
    event('error', 'a', 0.7, 'E1'),
    tick(1),
    tick(2),
    event('maintenance', 'a', 0.9, 'pump'),
    event('maintenance', 'a', 0.9, 'pump'),
    tick(2.1),
  ]);
  assert.deepEqual(
    steps.map(({ startMs, revision, eventCounts, maintenanceAges }) => [
      startMs / dayMs,
      revision,
      ...eventCounts,
      ...maintenanceAges,
    ]),
    [
      [0, 0, 2, null],
      [1, 0, 0, null],
      [0, 1, 2, 0],
      [1, 1, 0, 1],
    ],
  );
  assert.equal(output.steps.filter(({ kind }) => kind === 'event').length, 3);
});

test('feedback on two alerts at once is twice feedback; the same again is a duplicate', () => {
  const feedback = (alert: string): InputRecord => ({
    ...(event('feedback', 'a', 0.6, 'true') as EventRecord),
    alert,
  });
  const { operator } = run([reading('a', 0.5), ...['near/a/0', 'far/a/0', 'near/a/0'].map(feedback)]);
  assert.deepEqual(operator.eventLedger, { accepted: 2, duplicate: 1, late: 0, rejected: 0 });
});

test('maintenance counts in the life after it, if nothing was read before; what a life has seen ends with it', () => {
  const { steps } = run([
    event('maintenance', 'a', 0.2, 'pump'),
    tick(1),
    tick(20),
    reading('a', 20.5),
    tick(21),
    event('failure', 'a', 21.2),
    event('maintenance', 'a', 21.1, 'pump'),
    reading('a', 22.5),
    tick(23),
  ]);
  assert.deepEqual(
    steps.map(({ startMs, maintenanceAges }) => [startMs / dayMs, ...maintenanceAges]),
    [
      [20, 20],
      [22, null],
    ],
  );
});

test('stuck and out-of-range readings are flagged', () => {
  const [step] = run([reading('a', 0.5, 101), reading('a', 0.6, 101), tick(1)]).steps;
  assert.deepEqual([step?.stuck, step?.sensors[0]?.outOfRangeCount], [[true], 2]);
});

test('absurd times and values are refused with a reason and stop nothing', () => {
  const { output, operator, steps } = run([
    reading('a', 0.5),
    reading('a', 1e9),
    reading('a', -1e9),
    reading('a', 0.6, 1e200),
    event('maintenance', 'a', -1e9, 'pump'),
    event('failure', 'b', -1e9),
    event('failure', 'b', 1e9),
    event('error', 'a', 0.6, 'E9'),
    { ...reading('a', 0.7), type: 'lathe' },
    { ...reading('a', 0.7), sensors: ['cold'] },
    tick(1),
  ]);
  assert.deepEqual(
    output.rejected.map(({ reason }) => reason),
    [
      'in-the-future',
      'late',
      'out-of-range',
      'bad-time',
      'bad-time',
      'in-the-future',
      'unknown-event-code',
      'unknown-machine-type',
      'unknown-sensor',
    ],
  );
  assert.deepEqual(operator.ledger, { accepted: 1, duplicate: 0, late: 1, rejected: 4 });
  assert.deepEqual(told(steps), ['a day 0 #0 r0: 1']);
});

test('duplicates are known across a restart, the ledger too; a changed machine type is told in words', () => {
  const { operator } = run([reading('a', 0.5), reading('a', 0.6)]);
  const entries = operator.takeChanges().flatMap(({ key, value }) => (value ? [{ key, value }] : []));
  const restored = new StepOperator(new Map([['press', pressType()]]));
  restored.restore(entries);
  const output: StepOutput = { steps: [], rejected: [] };
  restored.process(reading('a', 0.5), 2, output);
  assert.deepEqual(restored.ledger, { accepted: 2, duplicate: 1, late: 0, rejected: 0 });
  assert.deepEqual(readAccount(entries)?.readings, { accepted: 2, duplicate: 0, late: 0, rejected: 0 });
  assert.equal(readAccount([]), undefined);

  const changed = new StepOperator(new Map([['press', pressType({ sensors: [{ name: 'cold' }] })]]));
  assert.throws(
    () => changed.restore(entries),
    (error: unknown) =>
      error instanceof UserError &&
      /"press" has changed .* sensors heat; .* has sensors cold;/.test(error.message),
  );
});
