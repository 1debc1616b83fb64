// Attributions are complete, belong to the forecast that is served, and go to the values that they come from.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { UserError } from '../../../domain/errors.js';
import type { FeatureWindow } from '../../../domain/features.js';
import { Rng } from '../../../domain/rng.js';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import { joinForecasts } from '../../../model/ensemble.js';
import { buildInputs } from '../../../model/explanation/attribution-graph.js';
import { Explainer, errorMax } from '../../../model/explanation/explainer.js';
import { giveBack } from '../../../model/explanation/input-origins.js';
import type { ModelContents } from '../../../model/explanation/stored-networks.js';
import { type NetworkShape, networkLayout } from '../../../model/network.js';
import { buildForecast } from '../../../model/network-graph.js';
import { joinedMetadata, networkMetadata } from '../../../model/network-metadata.js';
import { initializeParameters } from '../../../model/parameters.js';
import { outputOf } from '../../../model/ports.js';
import { NetworkPredictor } from '../../../model/predict.js';
import { fitPreprocessing, inputSize } from '../../../model/preprocessing.js';
import { assignRegime } from '../../../model/regimes.js';
import {
  everyNetwork,
  smallHistories,
  smallPreprocessing,
  smallShape,
  smallSpec,
  windowAt,
} from '../fixtures.js';

const histories = smallHistories(6);
const preprocessing = smallPreprocessing(histories);
const width = smallSpec.names.length;
const { contextSteps, horizonSteps } = smallSpec;

/** A network with lively weights, as a file holds it. */
function modelOf(seed: number, change: Partial<NetworkShape> = {}): ModelContents {
  const shape = smallShape(preprocessing, change);
  const rng = new Rng(seed);
  const parameters = initializeParameters(networkLayout(shape), rng).map(
    (value) => value + 0.3 * rng.normal(),
  );
  const model = buildForecast(shape, preprocessing, parameters, networkMetadata([shape]));
  return { version: `lstm-${seed}`, model, preprocessing };
}

/** A long history, one with missing values at its end, and one shorter than the window. */
const windows: readonly FeatureWindow[] = [
  windowAt(histories[0]!, 11),
  (() => {
    const { rows, stepCount } = windowAt(histories[1]!, 9);
    return {
      rows: rows.map((value, at) => (at > rows.length - 2 * width && at % 3 === 0 ? Number.NaN : value)),
      stepCount,
    };
  })(),
  windowAt(histories[2]!, 2),
];

describe('explanations', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  async function served({ model, version }: ModelContents, window: FeatureWindow): Promise<Float32Array> {
    const predictor = new NetworkPredictor(version, smallSpec, await engine.load(model));
    const curve = await predictor.predict([window]);
    await predictor.close();
    return curve;
  }

  async function assertComplete(model: ModelContents): Promise<void> {
    const explainer = await Explainer.open(model, engine);
    for (const window of windows) {
      const curve = await served(model, window);
      for (const day of [1, horizonSteps]) {
        const { probability, baseline, attributions, error } = await explainer.explain(window, day);
        assert.ok(Math.abs(probability - curve[day - 1]!) < 1e-5, 'what is explained is what is served');
        assert.ok(Math.abs(error) <= errorMax, `error ${error}`);
        const sum = attributions.reduce((before, value) => before + value, 0);
        assert.ok(Math.abs(sum - (probability - baseline)) <= errorMax);
        const padding = (contextSteps - window.stepCount) * width;
        assert.ok(
          attributions.subarray(0, padding).every((value) => value === 0),
          'nothing before the history',
        );
        const constant = smallSpec.names.indexOf('constant.mean');
        for (let step = 0; step < contextSteps; step++)
          assert.equal(attributions[step * width + constant], 0);
      }
    }
    await explainer.close();
  }

  for (const change of everyNetwork.filter(({ task }) => task !== 'day-decoder'))
    it(`of ${change.cell}, ${change.task}, ${change.layers} layer(s): complete, and of the forecast that is served`, () =>
      assertComplete(modelOf(5, change)));

  it('of an ensemble are complete, and of its forecast', async () => {
    const members = [modelOf(1), modelOf(2, { cell: 'gru' }), modelOf(3)];
    const models = members.map(({ model }) => model);
    await assertComplete({
      version: 'ensemble-1',
      model: joinForecasts(models, horizonSteps, joinedMetadata(models)),
      preprocessing: {
        formatVersion: 1,
        spec: preprocessing.spec,
        members: members.map(() => preprocessing),
      },
    });
  });

  it('give an average machine nothing to explain', async () => {
    const explainer = await Explainer.open(modelOf(4), engine);
    const row = Float32Array.from(smallSpec.names, () => 5);
    row[smallSpec.settingColumns[0]!] = 3000;
    const means = preprocessing.means[assignRegime(preprocessing.regimes, row)]!;
    const measured = ['vibration.mean', 'temperature.mean'].map((name) => smallSpec.names.indexOf(name));
    for (const column of measured) row[column] = means[preprocessing.keptColumns.indexOf(column)]!;
    const rows = Float32Array.from({ length: contextSteps * width }, (_, at) => row[at % width]!);
    const { attributions } = await explainer.explain({ rows, stepCount: contextSteps }, 3);
    assert.ok(
      attributions.some((value) => Math.abs(value) > 1e-3),
      'its age is not average',
    );
    for (const column of measured)
      for (let step = 0; step < contextSteps; step++)
        assert.ok(Math.abs(attributions[step * width + column]!) < 1e-6, smallSpec.names[column]);
    await explainer.close();
  });

  const lagged = fitPreprocessing(
    smallSpec,
    histories,
    { smoothingAlphas: [0.2], clipSds: 6, lagSteps: [1, 7], differenceSteps: [2, 9] },
    new Rng(3),
  );
  for (const fit of [preprocessing, lagged])
    it(`give back what the inputs of the network are made of, without a remainder${fit === lagged ? ', lags and differences too' : ''}`, async () => {
      const loaded = await engine.load(buildInputs(fit));
      const rng = new Rng(9);
      for (const { rows } of windows) {
        const outputs = await loaded.run({
          windows: { dims: [1, contextSteps, width], data: Float32Array.from(rows) },
        });
        const inputs = outputOf(outputs, 'inputs').data as Float32Array;
        // One input at a time, so that nothing can cancel out.
        for (let input = 0; input < inputSize(fit); input++) {
          const gradient = new Float64Array(inputs.length);
          for (let at = input; at < inputs.length; at += inputSize(fit)) gradient[at] = rng.normal();
          const into = new Float64Array(rows.length);
          giveBack(fit, rows, gradient, into);
          const wanted = gradient.reduce((sum, value, at) => sum + value * inputs[at]!, 0);
          const sum = into.reduce((before, value) => before + value, 0);
          assert.ok(Math.abs(sum - wanted) < 1e-4, `input ${input}: ${sum}, not ${wanted}`);
        }
      }
      await loaded.close();
    });

  it('are refused for a day beyond the horizon, and for a file that does not say what it holds', async () => {
    const explainer = await Explainer.open(modelOf(4), engine);
    await assert.rejects(explainer.explain(windows[0]!, 6), /days 1 to 5/);
    await explainer.close();
    await assert.rejects(
      Explainer.open(modelOf(4, { task: 'day-decoder' }), engine),
      (error) =>
        error instanceof UserError && /do not know networks with `task: day-decoder`/.test(error.message),
    );
    const shape = smallShape(preprocessing);
    const parameters = initializeParameters(networkLayout(shape), new Rng(1));
    const model = buildForecast(shape, preprocessing, parameters, {});
    await assert.rejects(
      Explainer.open({ version: 'lstm-old', model, preprocessing }, engine),
      (error) =>
        error instanceof UserError &&
        /networks in lstm-old cannot be looked into.*Train it again/.test(error.message),
    );
    const wrong = networkMetadata([{ ...shape, hiddenSize: 9 }]);
    await assert.rejects(
      Explainer.open(
        { version: 'lstm-w', model: buildForecast(shape, preprocessing, parameters, wrong), preprocessing },
        engine,
      ),
      /not those of training/,
    );
  });
});
