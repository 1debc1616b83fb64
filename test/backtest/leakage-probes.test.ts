// The probes on forecasters whose knowledge is known: an honest one loses its skill, one that was told the outcomes does not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { probe, shiftLabels, shuffleFutures, verdictOf } from '../../backtest/leakage-probes.js';
import type { JudgedForecast } from '../../backtest/rows.js';
import { Rng } from '../../domain/rng.js';

const horizonDays = 5;
const origins = 60;

/** Machines that fail every 20 days, each on days of its own; curves of someone who knows that (`sure`) or nothing. */
function rowsOf(who: 'sure' | 'marginal'): JudgedForecast[] {
  return Array.from({ length: 12 }, (_, machine) =>
    Array.from({ length: origins }, (_, origin): JudgedForecast => {
      const away = 20 - ((origin + 5 * machine) % 20);
      const eventDay = away <= horizonDays ? away : 0;
      const probabilities = Array.from({ length: horizonDays }, (_, k) =>
        who === 'marginal' ? (k + 1) / 20 : eventDay > 0 && eventDay <= k + 1 ? 0.9 : 0.02,
      );
      return {
        machine: `m${machine}`,
        originMs: origin,
        status: 'ok',
        reason: '',
        probabilities,
        eventDay,
        knownDays: eventDay > 0 ? eventDay : horizonDays,
        observedDays: horizonDays,
      };
    }),
  ).flat();
}
const sure = { name: 'sure', rows: rowsOf('sure') };
const marginal = { name: 'marginal', rows: rowsOf('marginal') };

test('whoever knows a machine loses all skill when machines exchange their futures, or outcomes are those of later', () => {
  for (const damage of [
    (rows: readonly JudgedForecast[]) => shuffleFutures(rows, new Rng(1)),
    (rows: readonly JudgedForecast[]) => shiftLabels(rows, horizonDays),
  ]) {
    const [of] = probe([sure], marginal, horizonDays, damage);
    assert.ok(of?.skillBefore && of.skillBefore > 0.8, `${of?.skillBefore}`);
    assert.ok(of.skillAfter !== null && of.skillAfter < 0, `${of.skillAfter}`);
    assert.equal(of.verdict, 'collapsed');
  }
});

test('whoever is told the outcomes that count keeps its skill, and is too good', () => {
  // Its curves are made from the very outcomes that the probe puts in their place.
  const told = (damage: (rows: readonly JudgedForecast[]) => ReturnType<typeof shiftLabels>) => {
    const { after } = damage(sure.rows);
    const curve = ({ eventDay }: JudgedForecast) =>
      Array.from({ length: horizonDays }, (_, k) => (eventDay > 0 && eventDay <= k + 1 ? 0.9 : 0.02));
    const [of] = probe([sure], marginal, horizonDays, (rows) => {
      const damaged = damage(rows);
      return rows === sure.rows
        ? {
            before: damaged.before,
            after: damaged.after.map((row, i) => ({
              ...row,
              probabilities: curve(after[i] as JudgedForecast),
            })),
          }
        : damaged;
    });
    return of?.verdict;
  };
  assert.equal(
    told((rows) => shuffleFutures(rows, new Rng(1))),
    'too-good',
  );
  assert.equal(
    told((rows) => shiftLabels(rows, horizonDays)),
    'too-good',
  );
});

test('shuffled futures are those of all rows, each given once, the same to every forecaster', () => {
  const { before, after } = shuffleFutures(sure.rows, new Rng(3));
  const outcomes = (rows: readonly JudgedForecast[]) => rows.map(({ eventDay }) => eventDay);
  assert.deepEqual(outcomes(after).sort(), outcomes(before).sort());
  assert.notDeepEqual(outcomes(after), outcomes(before));
  assert.deepEqual(outcomes(shuffleFutures(marginal.rows, new Rng(3)).after), outcomes(after));
});

test('shifted labels leave out the rows that have no later one', () => {
  const { before, after } = shiftLabels(sure.rows, horizonDays);
  assert.equal(before.length, 12 * (origins - horizonDays));
  assert.deepEqual(
    after.slice(0, 3).map(({ originMs, eventDay }) => [originMs, eventDay]),
    [0, 1, 2].map((origin) => [origin, sure.rows[origin + horizonDays]?.eventDay]),
  );
  assert.deepEqual(shiftLabels(sure.rows.slice(0, 3), horizonDays), { before: [], after: [] });
});

test('a verdict needs a skill to lose', () => {
  assert.equal(verdictOf(0.04, 0.04), 'no-skill');
  assert.equal(verdictOf(null, 0.5), 'no-skill');
  assert.equal(verdictOf(0.4, 0.21), 'too-good');
  assert.equal(verdictOf(0.4, 0.2), 'collapsed');
});
