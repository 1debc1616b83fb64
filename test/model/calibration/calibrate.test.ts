import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Rng } from '../../../domain/rng.js';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import {
  type Calibration,
  type CalibrationMethod,
  calibrated,
  calibrationMethods,
  fitCalibration,
} from '../../../model/calibration/calibrate.js';
import { calibrateModel } from '../../../model/calibration/calibration-graph.js';
import { fitIsotonic } from '../../../model/calibration/isotonic.js';
import { fitPlatt, fitTemperature } from '../../../model/calibration/sigmoid.js';
import { joinForecasts } from '../../../model/ensemble.js';
import { decodeModel, encodeModel } from '../../../model/graph/model-file.js';
import type { KeptForecast } from '../../../model/kept-forecasts.js';
import { NetworkPredictor } from '../../../model/predict.js';
import { randomForecast, smallHistories, smallPreprocessing, smallSpec, windowAt } from '../fixtures.js';

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/**
 * Machines whose days fail with probability σ(slope · logit(said)): below 1 the forecasts are too sure. Day 2 is right
 * whatever the slope.
 */
function forecastsOf(machineCount: number, slope: number, seed: number): KeptForecast[] {
  const rng = new Rng(seed);
  return Array.from({ length: machineCount }, (_, machine) =>
    Array.from({ length: 40 }, (): KeptForecast => {
      const x = 3 * rng.normal();
      const failsOn1 = rng.uniform() < sigmoid(slope * x);
      const later = sigmoid(rng.normal());
      const failsOn2 = rng.uniform() < later;
      const first = sigmoid(x);
      return {
        machine: `m${machine}`,
        curve: Float32Array.of(first, first + (1 - first) * later),
        eventDay: failsOn1 ? 1 : failsOn2 ? 2 : 0,
        knownDays: 2,
        saidLife: NaN,
        actualLife: NaN,
      };
    }),
  ).flat();
}

describe('calibration', () => {
  it('is left out where forecasts are right', () => {
    for (const seed of [1, 2, 3, 4, 5])
      assert.equal(fitCalibration(forecastsOf(40, 1, seed), calibrationMethods), undefined, `seed ${seed}`);
  });

  it('helps where they are too sure, on machines that it was not fitted to', () => {
    for (const method of calibrationMethods) {
      const calibration = fitCalibration(forecastsOf(40, 0.4, 1), [method]);
      assert.ok(calibration?.days[0], method);
      assert.ok(calibration.brierAfter < calibration.brierBefore);
      // Machines of another draw, of which it has seen nothing at all.
      const others = forecastsOf(200, 0.4, 2);
      const brier = (of: (said: number) => number) =>
        others.reduce((sum, { curve, eventDay }) => sum + (of(curve[0]!) - (eventDay === 1 ? 1 : 0)) ** 2, 0);
      const day = calibration.days[0];
      assert.ok(brier((said) => calibrated(day, said)) < 0.97 * brier((said) => said), method);
    }
  });

  it('is not fitted to fewer than ten machines, nor where nothing failed', () => {
    assert.equal(fitCalibration(forecastsOf(9, 0.4, 1), calibrationMethods), undefined);
    const alive = forecastsOf(40, 0.4, 1).map((each) => ({ ...each, eventDay: 0 }));
    assert.equal(fitCalibration(alive, calibrationMethods), undefined);
  });
});

describe('calibration inside a model', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());
  const histories = smallHistories(12);
  const preprocessing = smallPreprocessing(histories);
  const windows = histories.flatMap((history) => [2, 5, 8, 11].map((step) => windowAt(history, step)));
  const { horizonSteps } = smallSpec;
  const predict = async (model: Uint8Array, asked = windows) => {
    const predictor = new NetworkPredictor('test', smallSpec, await engine.load(model));
    const outlook = await predictor.foresee(asked);
    await predictor.close();
    return outlook;
  };
  const model = randomForecast(preprocessing, 4);

  /** Fitted to outcomes drawn at random beside what the model says, so that days differ and cross; day 3 is left alone. */
  async function wild(method: CalibrationMethod): Promise<Calibration> {
    const { probabilities } = await predict(model);
    const rng = new Rng(9);
    const days = Array.from({ length: horizonSteps }, (_, day) => {
      if (day === 2) return null;
      const said = windows.map((_window, row) => probabilities[row * horizonSteps + day]!);
      const failed = said.map((p) => (rng.uniform() < p ** 2 ? 1 : 0));
      if (method === 'isotonic') return fitIsotonic(said, failed);
      const logits = said.map((p) => Math.log(p / (1 - p)));
      return (method === 'platt' ? fitPlatt : fitTemperature)(logits, failed);
    });
    return { method, days, brierBefore: 0, brierAfter: 0 };
  }

  for (const method of calibrationMethods)
    it(`is what it is outside, never falls, and days left alone stay (${method})`, async () => {
      const calibration = await wild(method);
      const { probabilities: raw } = await predict(model);
      const inside = encodeModel(calibrateModel(decodeModel(model), calibration));
      const { probabilities } = await predict(inside);
      assert.notDeepEqual(probabilities, raw);
      for (let row = 0; row < windows.length; row++) {
        let highest = 0;
        for (let day = 0; day < horizonSteps; day++) {
          const said = raw[row * horizonSteps + day]!;
          const calibrator = calibration.days[day];
          highest = Math.max(highest, calibrator ? calibrated(calibrator, said) : said);
          const got = probabilities[row * horizonSteps + day]!;
          assert.ok(Math.abs(got - highest) < 2e-6, `row ${row} day ${day}: ${got}, ${highest}`);
          assert.ok(
            got >= 0 && got <= 1 && (day === 0 || got >= probabilities[row * horizonSteps + day - 1]!),
          );
        }
      }
      // A batch of one gives the bits of its row in a larger batch.
      const alone = await predict(inside, [windows[7]!]);
      assert.deepEqual(alone.probabilities, probabilities.slice(7 * horizonSteps, 8 * horizonSteps));
    });

  it('of members stays in their ensemble, whose members enclose its curve', async () => {
    const calibration = await wild('platt');
    const members = [
      encodeModel(calibrateModel(decodeModel(model), calibration)),
      randomForecast(preprocessing, 5),
      randomForecast(preprocessing, 6),
    ];
    const each = await Promise.all(members.map((member) => predict(member)));
    const joined = await predict(joinForecasts(members, horizonSteps, {}));
    joined.probabilities.forEach((value, index) => {
      const said = each.map(({ probabilities }) => probabilities[index]!);
      const low = joined.probabilitiesLow?.[index] ?? NaN;
      const high = joined.probabilitiesHigh?.[index] ?? NaN;
      assert.ok(Math.abs(low - Math.min(...said)) < 1e-6 && Math.abs(high - Math.max(...said)) < 1e-6);
      assert.ok(low <= value && value <= high);
    });
    assert.equal(each[0]?.probabilitiesLow, undefined, 'a single network has no spread');
  });
});
