/**
 * The step operator against a naive recomputation over seeded histories: out of order, duplicated, late, silent
 * machines, fast clocks, clock changes, failures and new lives, restarts at any record.
 * MILLWRIGHT_SEED sets the seed, MILLWRIGHT_CASES_SCALE the number of cases.
 */
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { AggregateView } from '../../domain/aggregate-view.js';
import type { StateEntry } from '../../domain/log.js';
import { Rng } from '../../domain/rng.js';
import type { SensorAggregate } from '../../domain/step.js';
import { StepOperator } from '../../stream/step-operator.js';
import type { StepOutput } from '../../stream/step-output.js';
import { computeNaively } from './naive-steps.js';
import { makeRandomHistory, type RandomHistory, scale, seed } from './random-history.js';

const caseCount = Math.ceil(2000 * scale);

function makeOutput(): StepOutput {
  return { steps: [], rejected: [] };
}

class Stored {
  readonly entries = new Map<string, Buffer>();

  apply(changes: readonly StateEntry[]): void {
    for (const { key, value } of changes) {
      if (value) this.entries.set(key, value);
      else this.entries.delete(key);
    }
  }

  /** In an order that says nothing. */
  list(rng: Rng): { key: string; value: Buffer }[] {
    return rng.shuffle([...this.entries].map(([key, value]) => ({ key, value })));
  }

  hex(): Record<string, string> {
    return Object.fromEntries(
      [...this.entries]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => [key, value.toString('hex')]),
    );
  }
}

/** In one go, state taken once at the end. */
function runThrough({ type, inputs }: RandomHistory): {
  output: StepOutput;
  operator: StepOperator;
  stored: Stored;
} {
  const operator = new StepOperator(new Map([[type.name, type]]));
  const output = makeOutput();
  for (const [offset, record] of inputs.entries()) operator.process(record, offset, output);
  const stored = new Stored();
  stored.apply(operator.takeChanges());
  return { output, operator, stored };
}

/** Checkpoints at random records; after some the process dies and goes on from an earlier one. */
function runWithCrashes(
  { type, inputs }: RandomHistory,
  rng: Rng,
): { output: StepOutput; stored: Stored; crashCount: number } {
  const types = new Map([[type.name, type]]);
  const output = makeOutput();
  const stored = new Stored();
  let operator = new StepOperator(types);
  let unsaved = makeOutput();
  let savedOffset = 0;
  let crashCount = 0;
  for (let offset = 0; offset < inputs.length; ) {
    operator.process(inputs[offset] as (typeof inputs)[number], offset, unsaved);
    offset++;
    const dice = rng.uniform();
    if (dice < 0.15 || offset === inputs.length) {
      stored.apply(operator.takeChanges());
      output.steps.push(...unsaved.steps);
      output.rejected.push(...unsaved.rejected);
      unsaved = makeOutput();
      savedOffset = offset;
    } else if (dice < 0.25) {
      crashCount++;
      operator = new StepOperator(types);
      operator.restore(stored.list(rng));
      unsaved = makeOutput();
      // The log may hand out records again that the state already includes.
      offset = Math.max(0, savedOffset - rng.int(3));
    }
  }
  return { output, stored, crashCount };
}

/** Equal but for the last bits of numbers, where `scaleOf` says how large they were while they were summed. */
function assertClose(actual: unknown, expected: unknown, path: string, scale = 1): void {
  if (typeof actual === 'number' && typeof expected === 'number') {
    const tolerance = 1e-9 * Math.max(scale, Math.abs(expected));
    assert.ok(Math.abs(actual - expected) <= tolerance, `${path}: ${actual} is not ${expected}`);
  } else if (actual instanceof AggregateView) assertClose(actual.toJSON(), expected, path);
  else if (isRecord(actual) && isRecord(expected)) {
    const keys = Object.keys(actual);
    assert.equal(keys.join(), Object.keys(expected).join(), path);
    for (const key of keys) assertClose(actual[key], expected[key], `${path}.${key}`, scaleOf(expected, key));
  } else assert.equal(actual, expected, path);
}

/** Sums of products cancel: their last bits are those of the factors. */
function scaleOf(record: Record<string, unknown>, key: string): number {
  const { count, min, max, timeM2 } = record as unknown as SensorAggregate;
  const magnitude = Math.max(Math.abs(min), Math.abs(max));
  if (key === 'm2') return count * magnitude ** 2;
  return key === 'timeValueM' ? Math.sqrt(timeM2 * count) * magnitude : 1;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

test(`the operator gives what a naive recomputation gives, whatever restarts (${caseCount} histories, seed ${seed})`, () => {
  const seen = {
    finals: 0,
    provisionals: 0,
    revisions: 0,
    late: 0,
    duplicates: 0,
    ahead: 0,
    empty: 0,
    lives: 0,
    retired: 0,
    crashes: 0,
  };
  for (let index = 0; index < caseCount; index++) {
    const historySeed = seed + index;
    const history = makeRandomHistory(historySeed);
    const where = `history ${historySeed}`;
    const expected = computeNaively(history.inputs, history.type);
    const { output, operator, stored } = runThrough(history);

    assertClose(output.steps, expected.steps, where);
    assert.deepEqual(
      output.rejected.map(({ reason }) => reason),
      expected.rejected,
      where,
    );
    assert.deepEqual(operator.ledger, expected.ledger, where);
    let readingCount = 0;
    for (const record of history.inputs)
      if (record.kind === 'readings') readingCount += record.sensors.length;
    const { accepted, duplicate, late, rejected } = operator.ledger;
    assert.equal(accepted + duplicate + late + rejected, readingCount, where);

    const crashed = runWithCrashes(history, new Rng(historySeed));
    seen.crashes += crashed.crashCount;
    assert.equal(JSON.stringify(crashed.output), JSON.stringify(output), `${where}: outputs after restarts`);
    assert.deepEqual(crashed.stored.hex(), stored.hex(), `${where}: state after restarts`);

    for (const record of output.steps) {
      if (record.kind === 'event' && record.by === 'millwright') seen.retired++;
      if (record.kind !== 'step') continue;
      if (!record.final) seen.provisionals++;
      else if (record.lastOffset < 0) seen.empty++;
      else seen.finals++;
      if (record.final && record.revision > 0) seen.revisions++;
      if (record.stepIndex === 0 && record.final) seen.lives++;
    }
    seen.late += late;
    seen.duplicates += duplicate;
    seen.ahead += rejected;
  }
  console.log(`step operator: ${caseCount} histories from seed ${seed}, with ${JSON.stringify(seen)}`);
  for (const [what, count] of Object.entries(seen))
    assert.ok(count > caseCount / 50, `histories with ${what}`);
});
