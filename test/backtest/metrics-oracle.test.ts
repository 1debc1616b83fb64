import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import type { Judged } from '../../backtest/judged.js';
import { brierAt } from '../../backtest/metrics/brier.js';
import { decomposeBrierAt } from '../../backtest/metrics/brier-decomposition.js';
import { calibrationErrorAt } from '../../backtest/metrics/calibration.js';
import { timeDependentConcordance } from '../../backtest/metrics/concordance.js';
import { dCalibration } from '../../backtest/metrics/d-calibration.js';
import { brierIpcwAt, censoringSurvival } from '../../backtest/metrics/ipcw.js';
import { logLossAt } from '../../backtest/metrics/log-loss.js';
import { aurocAt, averagePrecisionAt } from '../../backtest/metrics/ranking.js';
import { readOracle, skipWithoutOracle } from './oracle.js';

const close = (actual: number | null, wanted: number, what: string, tolerance = 1e-12) =>
  assert.ok(actual !== null && Math.abs(actual - wanted) < tolerance, `${what}: ${actual}, wanted ${wanted}`);

test('metrics per horizon agree with scikit-learn on rows of known status', {
  skip: skipWithoutOracle,
}, () => {
  const { file, rows } = readOracle();
  for (const [key, wanted] of Object.entries(
    file.reference['scikit-learn (rows with known status at day k)'],
  )) {
    const day = Number(key);
    close(brierAt(rows, day, 'known-status'), wanted.brier, `Brier at ${day}`);
    close(logLossAt(rows, day, 'known-status'), wanted.log_loss, `log loss at ${day}`);
    close(averagePrecisionAt(rows, day, 'known-status'), wanted.average_precision, `AP at ${day}`);
    close(aurocAt(rows, day, 'known-status'), wanted.roc_auc, `AUROC at ${day}`);
    close(calibrationErrorAt(rows, day, 'known-status'), wanted.ece_10_equal_width, `ECE at ${day}`);
  }
});

test('the decomposition adds up to the Brier score of scikit-learn', { skip: skipWithoutOracle }, () => {
  const { file, rows } = readOracle();
  for (const [key, { n, positives, brier }] of Object.entries(
    file.reference['scikit-learn (rows with known status at day k)'],
  )) {
    const parts = decomposeBrierAt(rows, Number(key), 'known-status');
    assert.ok(parts);
    close(parts.reliability - parts.resolution + parts.uncertainty, brier, `day ${key}`);
    close(parts.uncertainty, (positives / n) * (1 - positives / n), `uncertainty at ${key}`);
  }
});

test('D-calibration agrees with SurvivalEVAL', { skip: skipWithoutOracle }, () => {
  const { file, rows } = readOracle();
  const wanted = file.reference.SurvivalEVAL;
  const found = dCalibration(rows);
  assert.ok(found);
  // It has the bins from the greatest survival probability down.
  [...wanted.histogram].reverse().forEach((count, bin) => {
    close(found.histogram[bin] as number, count, `bin ${bin}`, 1e-10);
  });
  close(found.statistic, wanted.d_calibration_statistic as number, 'statistic', 1e-10);
  close(found.pValue, wanted.p_value as number, 'p', 1e-12);
});

test('the Brier score under administrative censoring agrees with pycox', { skip: skipWithoutOracle }, () => {
  const { file, rows } = readOracle();
  const wanted = file.reference.pycox['admin_brier_score(1..29)'] as number[];
  wanted.forEach((value, i) => {
    close(brierAt(rows, i + 1, 'administrative'), value, `Brier at ${i + 1}`);
  });
});

test('the Brier score with inverse-probability-of-censoring weights agrees with scikit-survival', {
  skip: skipWithoutOracle,
}, () => {
  const { file, rows } = readOracle();
  const wanted = file.reference['scikit-survival'].brier_score as number[];
  wanted.forEach((value, i) => {
    close(brierIpcwAt(rows, i + 1, 'scikit-survival'), value, `Brier at ${i + 1}`);
  });
});

// In scikit-survival's order, with failures at 2t and the end of day t at 2t + 1, nothing falls on one time: what is left is ours.
test('our order of a day is that of scikit-survival with the ends of days between the days', {
  skip: skipWithoutOracle,
}, () => {
  const { rows } = readOracle();
  const apart = rows.map(
    ({ probabilities, eventDay, knownDays, observedDays }): Judged => ({
      // Days 1..2H + 1: the curve as it was at the last day that has come.
      probabilities: [0, ...Array.from(probabilities).flatMap((probability) => [probability, probability])],
      eventDay: 2 * eventDay,
      knownDays: 2 * knownDays + 1,
      observedDays: 2 * observedDays + 1,
    }),
  );
  for (let day = 1; day <= 30; day++) {
    const wanted = brierIpcwAt(apart, 2 * day, 'scikit-survival');
    close(brierIpcwAt(rows, day, 'end-of-day'), wanted as number, `Brier at ${day}`);
  }
});

test('the weights are the Kaplan–Meier curve of R survival', { skip: skipWithoutOracle }, () => {
  interface Curve {
    readonly time: number[];
    /** The event whose curve it is: with roles exchanged, the end of a record. */
    readonly status: boolean[];
    readonly times: number[];
    readonly surv_prob_survival: number[];
  }
  const file = resolve('../shared/oracle/torchsurv/benchmark_kaplan_meier.json');
  for (const curve of JSON.parse(readFileSync(file, 'utf8')) as Curve[]) {
    // There, what is censored leaves after the events of its time; here, what has failed leaves first: so one later.
    const rows = curve.time.map((time, i): Judged => {
      const [eventDay, knownDays] = curve.status[i] ? [0, 2 * time] : [2 * time + 1, 2 * time + 1];
      return { probabilities: [], eventDay, knownDays, observedDays: knownDays };
    });
    const survival = censoringSurvival(rows, 2 * Math.max(...curve.time) + 1);
    curve.times.forEach((time, i) => {
      const wanted = curve.surv_prob_survival[i] as number;
      close(survival[2 * time] as number, wanted, `at ${time}`, 0.00005 + 1e-9);
    });
  }
});

test('time-dependent concordance agrees with pycox (antolini)', { skip: skipWithoutOracle }, () => {
  const { file, rows } = readOracle();
  close(timeDependentConcordance(rows, 30), file.reference.pycox.concordance_td_antolini as number, 'C');
});

test('with one risk for all days, time-dependent concordance is the C of R survival (Harrell)', {
  skip: skipWithoutOracle,
}, () => {
  interface Benchmark {
    readonly test_time: number[];
    readonly test_status: boolean[];
    readonly estimate: number[];
    readonly c_Harrell_survival: [number];
  }
  const file = resolve('../shared/oracle/torchsurv/benchmark_cindex.json');
  const benchmarks = JSON.parse(readFileSync(file, 'utf8')) as Benchmark[];
  for (const { test_time: times, test_status: failed, estimate, c_Harrell_survival: wanted } of benchmarks) {
    const horizonDays = Math.ceil(Math.max(...times));
    const rows = times.map((time, i): Judged => {
      const eventDay = failed[i] ? time : 0;
      // Any rising function of the risk ranks alike.
      const probability = 1 / (1 + Math.exp(-(estimate[i] as number)));
      return {
        probabilities: Array(horizonDays).fill(probability),
        eventDay,
        knownDays: time,
        observedDays: time,
      };
    });
    close(timeDependentConcordance(rows, horizonDays), wanted[0], 'C', 0.00005 + 1e-9);
  }
});
