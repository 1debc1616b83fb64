import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Censoring, type Judged, outcomesAt } from '../../backtest/judged.js';
import { brierAt, brierByDay, meanOverDays, skill } from '../../backtest/metrics/brier.js';
import { decomposeBrierAt } from '../../backtest/metrics/brier-decomposition.js';
import { calibrationErrorAt, reliabilityAt } from '../../backtest/metrics/calibration.js';
import { timeDependentConcordance } from '../../backtest/metrics/concordance.js';
import { brierIpcwAt } from '../../backtest/metrics/ipcw.js';
import { logLossAt } from '../../backtest/metrics/log-loss.js';
import { aurocAt, averagePrecisionAt } from '../../backtest/metrics/ranking.js';
import { Rng } from '../../domain/rng.js';

const horizonDays = 8;

/** Failure probabilities of few distinct values (so that ties occur) with every kind of outcome. */
const judged: fc.Arbitrary<Judged> = fc
  .record({
    hazards: fc.array(fc.constantFrom(0, 0.1, 0.25, 0.5), {
      minLength: horizonDays,
      maxLength: horizonDays,
    }),
    end: fc.integer({ min: 1, max: horizonDays }),
    more: fc.integer({ min: 0, max: horizonDays }),
    failed: fc.boolean(),
  })
  .map(({ hazards, end, more, failed }) => {
    let survival = 1;
    const probabilities = hazards.map((hazard) => {
      survival *= 1 - hazard;
      return 1 - survival;
    });
    const observedDays = failed ? Math.min(horizonDays, end + more) : end;
    return { probabilities, eventDay: failed ? end : 0, knownDays: end, observedDays };
  });
const rowsArbitrary = fc.array(judged, { maxLength: 25 });
const conventions: readonly Censoring[] = ['administrative', 'known-status'];

/** All scores of some rows, to be compared whole. */
function allScores(rows: readonly Judged[], days = horizonDays) {
  const perDay = Array.from({ length: days }, (_, i) =>
    conventions.map((censoring) => [
      brierAt(rows, i + 1, censoring),
      logLossAt(rows, i + 1, censoring),
      averagePrecisionAt(rows, i + 1, censoring),
      aurocAt(rows, i + 1, censoring),
      calibrationErrorAt(rows, i + 1, censoring),
    ]),
  );
  const weighted = perDay.map((_, i) => brierIpcwAt(rows, i + 1, 'end-of-day'));
  return [...perDay.flat(2), ...weighted, timeDependentConcordance(rows, days)];
}

function assertSameScores(actual: (number | null)[], wanted: (number | null)[]): void {
  assert.equal(actual.length, wanted.length);
  actual.forEach((value, i) => {
    const other = wanted[i] as number | null;
    if (value === null || other === null) assert.equal(value, other);
    else assert.ok(Math.abs(value - other) < 1e-9, `score ${i}: ${value} and ${other}`);
  });
}

test('the order of rows never changes a score', () => {
  fc.assert(
    fc.property(rowsArbitrary, fc.infiniteStream(fc.nat()), (rows, keys) => {
      const shuffled = rows
        .map((row) => ({ row, key: keys.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map(({ row }) => row);
      assertSameScores(allScores(shuffled), allScores(rows));
    }),
  );
});

test('a forecast that knows the future has Brier 0, log loss 0, calibration error 0 and every ranking 1', () => {
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      const perfect = rows.map((row) => ({
        ...row,
        probabilities: Array.from({ length: horizonDays }, (_, i) =>
          row.eventDay > 0 && row.eventDay <= i + 1 ? 1 : 0,
        ),
      }));
      for (let day = 1; day <= horizonDays; day++) {
        for (const censoring of conventions) {
          for (const score of [brierAt, logLossAt, calibrationErrorAt])
            assert.ok((score(perfect, day, censoring) ?? 0) < 1e-12);
          for (const score of [averagePrecisionAt, aurocAt])
            assert.equal(score(perfect, day, censoring) ?? 1, 1);
        }
      }
      assert.equal(timeDependentConcordance(perfect, horizonDays) ?? 1, 1);
    }),
  );
});

test('what a forecast says beyond the known days never changes a score', () => {
  fc.assert(
    fc.property(rowsArbitrary, fc.double({ min: 0, max: 1, noNaN: true }), (rows, junk) => {
      // A running machine is known up to knownDays, in both conventions; a failed one, for good, in neither more.
      const changed = rows.map((row) =>
        row.eventDay > 0
          ? row
          : {
              ...row,
              probabilities: Array.from(row.probabilities, (p, i) => (i < row.knownDays ? p : junk)),
            },
      );
      assertSameScores(allScores(changed), allScores(rows));
    }),
  );
});

test('cutting the record after day c never changes the scores of the days up to c', () => {
  fc.assert(
    fc.property(rowsArbitrary, fc.integer({ min: 1, max: horizonDays }), (rows, cut) => {
      const censored = rows.map((row) => ({
        ...row,
        eventDay: row.eventDay > cut ? 0 : row.eventDay,
        knownDays: Math.min(row.knownDays, cut),
        observedDays: Math.min(row.observedDays, cut),
      }));
      assertSameScores(allScores(censored, cut), allScores(rows, cut));
    }),
  );
});

test('weights change nothing while no record has ended', () => {
  fc.assert(
    fc.property(rowsArbitrary, fc.integer({ min: 1, max: horizonDays }), (rows, day) => {
      const reaching = rows.filter(({ eventDay, knownDays }) => eventDay > 0 || knownDays >= day);
      assertSameScores([brierIpcwAt(reaching, day, 'end-of-day')], [brierAt(reaching, day, 'known-status')]);
    }),
  );
});

test('where half of the records end at random, weights give the score of the whole', () => {
  const rng = new Rng(5);
  const day = 6;
  const whole = Array.from({ length: 40_000 }, (): Judged => {
    const hazard = rng.uniform() < 0.5 ? 0.02 : 0.2;
    const life = 1 + Math.floor(Math.log(1 - rng.uniform()) / Math.log(1 - hazard));
    const probabilities = Array.from({ length: horizonDays }, (_, i) => 1 - (1 - 1.5 * hazard) ** (i + 1));
    const eventDay = life <= horizonDays ? life : 0;
    return { probabilities, eventDay, knownDays: eventDay || horizonDays, observedDays: horizonDays };
  });
  const cut = whole.map((row): Judged => {
    const end = rng.uniform() < 0.5 ? horizonDays : 1 + rng.int(horizonDays);
    if (row.eventDay > 0 && row.eventDay <= end) return row;
    return { ...row, eventDay: 0, knownDays: end, observedDays: end };
  });
  const wanted = brierAt(whole, day, 'known-status') as number;
  const biased = brierAt(cut, day, 'known-status') as number;
  const weighted = brierIpcwAt(cut, day, 'end-of-day') as number;
  assert.ok(Math.abs(weighted - wanted) < 0.003, `${weighted}, wanted ${wanted}`);
  assert.ok(Math.abs(biased - wanted) > 0.006, `${biased} should be off from ${wanted}`);
});

test('concordance equals the count over all pairs, ties one half', () => {
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      let concordant = 0;
      let comparable = 0;
      for (const i of rows) {
        if (i.eventDay === 0) continue;
        for (const j of rows) {
          const runs = j.eventDay > 0 ? j.eventDay > i.eventDay : j.knownDays >= i.eventDay;
          if (!runs) continue;
          const [a, b] = [
            i.probabilities[i.eventDay - 1] as number,
            j.probabilities[i.eventDay - 1] as number,
          ];
          concordant += a > b ? 1 : a === b ? 0.5 : 0;
          comparable++;
        }
      }
      const wanted = comparable === 0 ? null : concordant / comparable;
      assertSameScores([timeDependentConcordance(rows, horizonDays)], [wanted]);
    }),
  );
});

test('a constant forecast has concordance and AUROC one half, and AP is the share of failures', () => {
  fc.assert(
    fc.property(rowsArbitrary, (rows) => {
      const constant = rows.map((row) => ({ ...row, probabilities: Array(horizonDays).fill(0.3) }));
      assert.equal(timeDependentConcordance(constant, horizonDays) ?? 0.5, 0.5);
      const known = constant.filter(({ eventDay, knownDays }) => eventDay > 0 || knownDays >= 4);
      const failed = known.filter(({ eventDay }) => eventDay > 0 && eventDay <= 4).length;
      assert.equal(aurocAt(constant, 4, 'known-status') ?? 0.5, 0.5);
      const precision = averagePrecisionAt(constant, 4, 'known-status');
      if (failed === 0) assert.equal(precision, null);
      else assert.ok(Math.abs((precision as number) - failed / known.length) < 1e-12);
    }),
  );
});

test('a score over nothing is undefined, never 0', () => {
  for (const score of [brierAt, logLossAt, averagePrecisionAt, aurocAt, calibrationErrorAt])
    assert.equal(score([], 1, 'administrative'), null);
  assert.equal(timeDependentConcordance([], 30), null);
  assert.equal(meanOverDays([0.1, null]), null);
  assert.equal(meanOverDays([]), null);
  assert.equal(skill(0.1, 0), null);
  assert.equal(skill(null, 0.1), null);
  const short: Judged = { probabilities: [0.5, 0.5], eventDay: 0, knownDays: 1, observedDays: 1 };
  assert.deepEqual(brierByDay([short], 2, 'administrative'), [0.25, null]);
});

test('a probability on an edge belongs to the upper bin, and 1 to the last', () => {
  const row = (probability: number, eventDay: number): Judged => ({
    probabilities: [probability],
    eventDay,
    knownDays: 1,
    observedDays: 1,
  });
  const bins = reliabilityAt([row(0.5, 1), row(0.49, 0), row(1, 1), row(0, 0)], 1, 'administrative', 2);
  assert.deepEqual(
    bins.map(({ count, meanForecast, failedShare }) => [count, meanForecast, failedShare]),
    [
      [2, 0.245, 0],
      [2, 0.75, 1],
    ],
  );
});

test('the decomposition is that of the isotonic fit by its min-max formula', () => {
  fc.assert(
    fc.property(rowsArbitrary, fc.integer({ min: 1, max: horizonDays }), (rows, day) => {
      const parts = decomposeBrierAt(rows, day, 'administrative');
      const { probability, failed } = outcomesAt(rows, day, 'administrative');
      if (parts === null) {
        assert.equal(probability.length, 0);
        return;
      }
      const said = [...new Set(probability)].sort((a, b) => a - b);
      const shareBetween = (low: number, high: number) => {
        const inside = [...failed].filter(
          (_, i) => (probability[i] as number) >= low && (probability[i] as number) <= high,
        );
        return inside.reduce((sum, each) => sum + each, 0) / inside.length;
      };
      // Barlow et al. 1972: the greatest over the starts of the least over the ends.
      const fitted = (value: number) =>
        Math.max(
          ...said
            .filter((low) => low <= value)
            .map((low) =>
              Math.min(...said.filter((high) => high >= value).map((high) => shareBetween(low, high))),
            ),
        );
      const meanOf = (say: (value: number) => number) =>
        [...failed].reduce((sum, each, i) => sum + (each - say(probability[i] as number)) ** 2, 0) /
        failed.length;
      const mean = shareBetween(0, 1);
      const [score, recalibrated, constant] = [meanOf((p) => p), meanOf(fitted), meanOf(() => mean)];
      assertSameScores(
        [parts.reliability, parts.resolution, parts.uncertainty],
        [score - recalibrated, constant - recalibrated, constant],
      );
    }),
  );
});
