// Scores on drawn machines are the plain scores of the rows of those machines, copied as often as they were drawn.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawMachines, intervalOf } from '../../backtest/metrics/bootstrap.js';
import { brierAt, brierByDay, meanOverDays } from '../../backtest/metrics/brier.js';
import { decomposeBrierAt } from '../../backtest/metrics/brier-decomposition.js';
import { calibrationErrorAt } from '../../backtest/metrics/calibration.js';
import { chiSquareTail } from '../../backtest/metrics/chi-square.js';
import { timeDependentConcordance } from '../../backtest/metrics/concordance.js';
import { dCalibration } from '../../backtest/metrics/d-calibration.js';
import { logLossAt } from '../../backtest/metrics/log-loss.js';
import { aurocAt, averagePrecisionAt } from '../../backtest/metrics/ranking.js';
import type { JudgedForecast } from '../../backtest/rows.js';
import { bootstrapSeed, drawCountFor, drawScores } from '../../backtest/score-draws.js';
import { Rng } from '../../domain/rng.js';

const horizonDays = 4;

/** Five machines of one to five rows with ties, censoring and failures. */
function makeRows(): JudgedForecast[] {
  const rng = new Rng(7);
  return [1, 2, 3, 4, 5].flatMap((count) =>
    Array.from({ length: count }, (_, i): JudgedForecast => {
      let said = 0;
      const probabilities = Array.from({ length: horizonDays }, () => {
        said += (1 - said) * 0.25 * rng.int(3);
        return said;
      });
      const end = 1 + rng.int(horizonDays);
      const eventDay = rng.uniform() < 0.5 ? end : 0;
      const observedDays = eventDay ? horizonDays : end;
      return {
        machine: `m${count}`,
        originMs: i,
        status: 'ok',
        reason: '',
        probabilities,
        eventDay,
        knownDays: end,
        observedDays,
      };
    }),
  );
}

test('every draw has the scores of its machines, copied', () => {
  const rows = makeRows();
  const days = [1, 3];
  const draws = drawScores(rows, horizonDays, days);
  assert.equal(draws.length, 500);
  assert.deepEqual([drawCountFor(4000), drawCountFor(1e6)], [250, 100]);
  const drawn = drawMachines(
    [...new Set(rows.map(({ machine }) => machine))].sort(),
    new Rng(bootstrapSeed),
    500,
  );
  const same = (actual: number | null, wanted: number | null, what: string) =>
    assert.ok(
      actual === null || wanted === null ? actual === wanted : Math.abs(actual - wanted) < 1e-12,
      `${what}: ${actual}, wanted ${wanted}`,
    );
  draws.slice(0, 60).forEach((draw, index) => {
    const copied = (drawn[index] as string[]).flatMap((machine) =>
      rows.filter((row) => row.machine === machine),
    );
    same(draw.meanBrier, meanOverDays(brierByDay(copied, horizonDays, 'administrative')), 'mean Brier');
    same(draw.concordance, timeDependentConcordance(copied, horizonDays), 'concordance');
    same(draw.dCalibration, dCalibration(copied)?.statistic ?? null, 'D-calibration');
    days.forEach((day, at) => {
      const own = draw.days[at];
      assert.ok(own);
      const parts = decomposeBrierAt(copied, day, 'administrative');
      same(own.brier, brierAt(copied, day, 'administrative'), 'Brier');
      same(own.reliability, parts?.reliability ?? null, 'reliability');
      same(own.resolution, parts?.resolution ?? null, 'resolution');
      same(own.uncertainty, parts?.uncertainty ?? null, 'uncertainty');
      same(own.logLoss, logLossAt(copied, day, 'administrative'), 'log loss');
      same(own.averagePrecision, averagePrecisionAt(copied, day, 'administrative'), 'AP');
      same(own.auroc, aurocAt(copied, day, 'administrative'), 'AUROC');
      same(own.calibrationError, calibrationErrorAt(copied, day, 'administrative'), 'ECE');
    });
  });
});

test('the same draws on every call; none of one machine', () => {
  const rows = makeRows();
  assert.deepEqual(drawScores(rows, horizonDays, [2]), drawScores(rows, horizonDays, [2]));
  assert.deepEqual(drawScores(rows.slice(0, 1), horizonDays, [2]), []);
});

test('draws without the score are left out, up to one in twenty', () => {
  const values = Array.from({ length: 100 }, (_, i) => i);
  assert.deepEqual(intervalOf([...values, null]), intervalOf(values));
  assert.equal(intervalOf([...values, ...new Array(6).fill(null)]), null);
  assert.equal(intervalOf([]), null);
});

test('tails of χ² are those of its tables', () => {
  // Abramowitz & Stegun, table 26.8.
  for (const [x, freedom, tail] of [
    [16.919, 9, 0.05],
    [21.666, 9, 0.01],
    [27.8772, 9, 0.001],
    [18.307, 10, 0.05],
    [0.0157908, 1, 0.9],
  ] as const)
    assert.ok(Math.abs(chiSquareTail(x, freedom) - tail) < 5e-6 + 5e-5 * tail, `${x}, ${freedom}`);
  assert.equal(chiSquareTail(0, 9), 1);
  assert.equal(chiSquareTail(1e4, 9), 0);
});
