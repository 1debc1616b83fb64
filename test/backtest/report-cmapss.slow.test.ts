import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertBoundsSchema, scoreAlerts } from '../../backtest/alert-score.js';
import { fitAgeWeibull } from '../../backtest/baselines/age-weibull.js';
import { indexHistories } from '../../backtest/baselines/baseline.js';
import { fitBaselines } from '../../backtest/baselines/fit-baselines.js';
import { judgeReplay } from '../../backtest/judge-replay.js';
import { fixedSteps, type Observation } from '../../backtest/observation.js';
import { formatReport } from '../../backtest/report-text.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import { dayMs, readEngines, skipWithoutCmapss, spec } from './cmapss.js';

test('the report on the 100 test engines of FD001 drops none and shows the baselines at their measured scores', {
  skip: skipWithoutCmapss,
}, () => {
  const training = readEngines('train', 'FD001');
  const engines = readEngines('test', 'FD001');
  const remaining = engines.map(({ machine, stepCount, eventDay, originsMs }): Observation => {
    const lastMs = originsMs[stepCount - 1] as number;
    const day = eventDay[stepCount - 1] as number;
    const failureMs = lastMs + ((day > 0 ? day : 60) - 0.5) * dayMs;
    return {
      machine,
      fromMs: 0,
      watchedUntilMs: lastMs,
      failuresMs: [failureMs],
      recordEndMs: failureMs,
      observedUntilMs: Infinity,
    };
  });
  // A pipeline that knows the age only, and that cannot assess records shorter than 40 cycles.
  const byAge = fitAgeWeibull(training, spec);
  const forecasts = engines.flatMap((engine): ForecastRecord[] => {
    const row = engine.stepCount - 1;
    const short = engine.stepCount < 40;
    return [
      {
        kind: 'forecast',
        machine: engine.machine,
        type: 'turbofan',
        site: '',
        line: '',
        originMs: engine.originsMs[row] as number,
        stepIndex: row,
        revision: 0,
        status: short ? 'not-assessable' : 'ok',
        reason: short ? 'history too short' : '',
        model: 'age',
        probabilities: short ? [] : [...byAge.predict(engine, row)],
        expectedDay: null,
        coverage: 1,
        silentSensors: [],
        stepOffset: row,
      },
    ];
  });
  const report = judgeReplay({
    name: 'age only',
    forecasts,
    observations: remaining,
    baselines: fitBaselines(training, spec),
    find: indexHistories(engines),
    horizonDays: spec.horizonSteps,
    selection: 'last',
    steps: fixedSteps(dayMs),
    alerts: scoreAlerts([], remaining, alertBoundsSchema.parse({}), dayMs),
  });
  assert.equal(report.rows.judgedCount, 100);
  assert.equal(report.rows.notAssessableCount, engines.filter(({ stepCount }) => stepCount < 40).length);
  assert.ok(report.rows.notAssessableCount > 0);
  const [pipeline, marginal, weibull, smoothed] = report.forecasters;
  assert.equal(marginal?.meanBrier?.toFixed(4), '0.0946');
  assert.equal(marginal?.skill, 0);
  assert.equal(weibull?.meanBrier?.toFixed(4), '0.0820');
  assert.ok(smoothed?.meanBrier && smoothed.meanBrier < 0.0146, `smoothing: ${smoothed?.meanBrier}`);
  assert.ok(smoothed.concordance && smoothed.concordance > 0.98);
  assert.ok(pipeline?.skill && pipeline.skill > 0 && pipeline.skill < 0.2);
  const interval = smoothed.meanBrierInterval;
  assert.ok(interval && interval.low < smoothed.meanBrier && smoothed.meanBrier < interval.high);
  const text = formatReport(report);
  assert.match(text, /100 forecasts of 100 machines judged/);
  assert.match(text, /marginal hazard +0\.0946/);
  assert.match(text, /forecasts not assessable: scored as the marginal hazard/);
  // The failures come after the records end: no alert could have stood there.
  assert.match(text, /^No failure came while a machine was watched\.$/m);
  assert.deepEqual(JSON.parse(JSON.stringify(report)), report);
});
