import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brierAt } from '../../backtest/metrics/brier.js';
import { calibrationErrorAt } from '../../backtest/metrics/calibration.js';
import { timeDependentConcordance } from '../../backtest/metrics/concordance.js';
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

test('the Brier score under administrative censoring agrees with pycox', { skip: skipWithoutOracle }, () => {
  const { file, rows } = readOracle();
  const wanted = file.reference.pycox['admin_brier_score(1..29)'] as number[];
  wanted.forEach((value, i) => {
    close(brierAt(rows, i + 1, 'administrative'), value, `Brier at ${i + 1}`);
  });
});

test('time-dependent concordance agrees with pycox (antolini)', { skip: skipWithoutOracle }, () => {
  const { file, rows } = readOracle();
  close(timeDependentConcordance(rows, 30), file.reference.pycox.concordance_td_antolini as number, 'C');
});
