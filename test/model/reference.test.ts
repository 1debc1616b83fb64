// What a version keeps of its training: counts that can be checked by counting.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countFine, makeReference, referenceSchema } from '../../model/reference.js';
import { dayMs, ran, specOf } from '../backtest/drift/rows.js';

const spec = specOf(['s.mean', 'event.E1', 'since.service', 'age', 'attr.maker=acme', 'attr.maker=other']);

test('counts are those of the rows, in percentiles of the fleet and tenths of each machine', () => {
  const histories = ['a', 'b'].map((machine, m) =>
    ran(machine, 500, (day) => [day + 500 * m, day % 10 === 0 ? 1 : 0, day, day, m === 0 ? 1 : 0, 0], m),
  );
  const reference = makeReference(spec, histories);
  assert.deepEqual(
    reference.features.map(({ name }) => name),
    ['s.mean', 'event.E1'],
  );
  const [level, events] = reference.features;
  assert.ok(level && events);
  // 0 to 999, each once: ten a percentile.
  assert.equal(level.edges.length, 99);
  assert.ok(level.counts.every((count) => count === 10));
  assert.deepEqual(level.coarse, [9, 19, 29, 39, 49, 59, 69, 79, 89]);
  assert.deepEqual([level.mean, Math.round(level.sd)], [499.5, 289]);
  assert.deepEqual(
    reference.machines.map(({ machine, counts }) => [machine, counts[0]]),
    [
      ['a', [100, 100, 100, 100, 100, 0, 0, 0, 0, 0, 0]],
      ['b', [0, 0, 0, 0, 0, 100, 100, 100, 100, 100, 0]],
    ],
  );
  // A count that is nearly always 0 has two bins, not ten empty ones.
  assert.deepEqual([events.edges, events.counts], [[0], [900, 100]]);
  assert.deepEqual(reference.attributes, ['attr.maker=acme']);
  assert.deepEqual([reference.firstMs, reference.lastMs], [dayMs, 500 * dayMs]);
  assert.deepEqual(referenceSchema.parse(JSON.parse(JSON.stringify(reference))), reference);
});

test('missing values are counted apart; a feature that nobody had has one empty bin', () => {
  const reference = makeReference(specOf(['s.mean', 't.mean']), [
    ran('a', 40, (day) => [day % 4 === 0 ? Number.NaN : day, Number.NaN], 1),
  ]);
  const [level, none] = reference.features;
  assert.deepEqual([level?.missingCount, none?.missingCount, none?.counts], [10, 40, [0]]);
  assert.deepEqual(reference.machines[0]?.counts[1], [0, 40]);
});

test('values on an edge belong to the bin below it', () => {
  assert.deepEqual(countFine({ edges: [1, 2] }, [0, 1, 1.5, 2, 3, Number.NaN]), {
    counts: [2, 2, 1],
    missingCount: 1,
  });
});

test('failures are counted on the day before they come, days where their outcome is known', () => {
  const history = ran('a', 4, () => [0, 0, 0, 0, 1, 0], 1);
  history.eventDay.set([3, 2, 1, 0]);
  history.knownDays.set([3, 2, 1, 0]);
  assert.deepEqual(makeReference(spec, [history]).failures, { count: 1, days: 3 });
});
