/** A walk that trains anew only where sensors have drifted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Fold, foldsOf, trainingOf } from '../../app/walk/folds.js';
import { walkProtocolSchema } from '../../app/walk/protocol.js';
import { driftedFeatures, mergeSteady } from '../../app/walk/refit-on-drift.js';
import { formatFolds, walkSection } from '../../app/walk/walk-text.js';
import type { History } from '../../domain/features.js';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { Rng } from '../../domain/rng.js';
import { featureSpec } from '../../stream/features.js';

const dayMs = 86_400_000;
const startMs = Date.UTC(2025, 0, 1);
const type = machineTypeSchema.parse({
  name: 'pump',
  sensors: [{ name: 'temp' }, { name: 'load' }],
  aggregates: ['mean'],
  step: { kind: 'fixed', durationMs: '24h' },
  horizonSteps: 10,
  windowSteps: 5,
});
const spec = featureSpec(type);
const machines = Array.from({ length: 14 }, (_, index) => `pump-${index}`);
const dayCount = 200;
const protocol = walkProtocolSchema.parse({ from: '2025-02-10', refitEverySteps: 20, refit: 'on-drift' });
const everyFold = foldsOf(protocol, type, { fromMs: startMs, untilMs: startMs + dayCount * dayMs });

/** A fleet whose `temp` is two standard deviations higher from a day on. */
function fleet(warmFromDay: number): History[] {
  return machines.map((machine, index) => {
    const rng = new Rng(index + 1);
    const rows = new Float32Array(dayCount * spec.names.length);
    for (let day = 0; day < dayCount; day++)
      spec.names.forEach((name, column) => {
        const isWarm = name === 'temp.mean' && day >= warmFromDay;
        rows[day * spec.names.length + column] = name === 'age' ? day : rng.normal() + (isWarm ? 2 : 0);
      });
    return {
      machine,
      rows,
      stepCount: dayCount,
      originsMs: Float64Array.from({ length: dayCount }, (_, day) => startMs + (day + 1) * dayMs),
      eventDay: new Uint8Array(dayCount),
      knownDays: new Uint8Array(dayCount).fill(type.horizonSteps),
    };
  });
}

function walkThrough(histories: readonly History[]): Promise<Fold[]> {
  return mergeSteady(everyFold, async (inForce, before, next) =>
    driftedFeatures(spec, trainingOf(inForce, histories, new Set(machines)), histories, {
      fromMs: before.fromMs,
      toMs: next.fromMs,
    }),
  );
}

test('a fleet that stays as it was is forecast by one network to the end', async () => {
  assert.equal(everyFold.length, 8);
  const [only, ...others] = await walkThrough(fleet(Number.POSITIVE_INFINITY));
  assert.deepEqual(others, []);
  const [first, last] = [everyFold[0] as Fold, everyFold.at(-1) as Fold];
  assert.deepEqual(only, { ...first, lastOriginMs: last.lastOriginMs, toMs: last.toMs });
});

test('a sensor that has changed makes a new network at the next look, and again until one has learned enough of it', async () => {
  const folds = await walkThrough(fleet(105));
  const [first, second] = folds;
  // Looks are on day 60, 80, ..; the change is in the days 100 to 120.
  assert.equal((second?.fromMs as number) - startMs, 120 * dayMs);
  assert.deepEqual(second?.because, ['temp.mean']);
  assert.equal(first?.because, undefined);
  folds.slice(1).forEach((fold, index) => {
    assert.equal(fold.number, index + 2);
    assert.equal(fold.fromMs, (folds[index]?.toMs as number) + 1);
  });
  assert.equal(folds.at(-1)?.toMs, everyFold.at(-1)?.toMs);
  assert.ok(folds.every(({ because = ['temp.mean'] }) => because.join() === 'temp.mean'));
});

test('the reason is told, and a protocol that never looks is refused', () => {
  const [fold] = everyFold;
  const scores = { judgedCount: 1, failedCount: 0, forecasters: [] };
  const folds = [
    {
      ...scores,
      ...{ seed: 1, version: 'lstm-1', trainingMachineCount: 12 },
      fold: { ...(fold as Fold), number: 2, because: ['temp.mean', 'a<b'] },
    },
  ];
  assert.match(formatFolds({ folds }).join('\n'), /^Fold 2 begins because of drift: temp\.mean, a<b\.$/m);
  assert.match(
    walkSection({ folds, seeds: [] }),
    /<p>Fold 2 begins because of drift: temp\.mean, a&#60;b\.<\/p>/,
  );
  const { error } = walkProtocolSchema.safeParse({ from: '2025-02-10', refit: 'on-drift' });
  assert.match(error?.issues[0]?.message ?? '', /write refitEverySteps, such as 30$/);
});
