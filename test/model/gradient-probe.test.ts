import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { GradientProbe } from '../../model/gradient-probe.js';
import { describeNetwork, networkLayout } from '../../model/network.js';
import { buildTrainingStep } from '../../model/network-graph.js';
import { adamwSchedule } from '../../model/optimizers/adamw.js';
import { initializeParameters } from '../../model/parameters.js';
import { outputOf, type TensorValue } from '../../model/ports.js';
import { OriginBatchSource } from '../../model/windows.js';
import { everyNetwork, smallHistories, smallPreprocessing, smallShape, smallSpec } from './fixtures.js';

const histories = smallHistories(12);
const preprocessing = smallPreprocessing(histories);
const options = { batchSize: 8, remainingLifeWeight: 0 };

describe('the gradient probe', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());
  const newest = () => new OriginBatchSource(smallSpec, histories, 20, new Rng(3)).draw(options.batchSize);

  for (const network of everyNetwork.filter(({ layers }) => layers === 1))
    it(`of ${describeNetwork(smallShape(preprocessing, network))} sees a gradient at every step, and says what the loss is`, async () => {
      const shape = smallShape(preprocessing, network);
      const parameters = initializeParameters(networkLayout(shape), new Rng(2));
      const probe = await GradientProbe.load(engine, shape, preprocessing, options);
      const norms = await probe.throughTime(parameters, newest());
      await probe.close();
      assert.equal(norms.length, smallSpec.windowSteps);
      for (const norm of norms) assert.ok(norm > 0 && Number.isFinite(norm), String(norms));
    });

  it('gives the gradient that the training step uses', async () => {
    const shape = smallShape(preprocessing, { task: 'many-to-one' });
    const parameters = initializeParameters(networkLayout(shape), new Rng(2));
    const probe = await GradientProbe.load(engine, shape, preprocessing, options);
    const { gradient, loss } = await probe.look(parameters, newest());
    await probe.close();
    const loaded = await engine.load(
      buildTrainingStep(shape, preprocessing, { ...options, weightDecay: 0, clipNorm: 1e9, dropout: 0 }),
    );
    const batch = newest();
    const perRow = (data: Float32Array): TensorValue => ({ dims: [data.length, 1], data });
    const zeros = () => ({ dims: [parameters.length], data: new Float32Array(parameters.length) });
    const result = await loaded.run({
      parameters: { dims: [parameters.length], data: Float32Array.from(parameters) },
      moment1: zeros(),
      moment2: zeros(),
      windows: { dims: [8, smallSpec.contextSteps, smallSpec.names.length], data: batch.windows },
      eventDay: perRow(batch.eventDay),
      knownDays: perRow(batch.knownDays),
      schedule: { dims: [3], data: adamwSchedule(1, 1e-3) },
    });
    await loaded.close();
    assert.ok(Math.abs(loss - (outputOf(result, 'loss').data[0] as number)) < 1e-6);
    const norm = Math.hypot(...gradient);
    assert.ok(Math.abs(norm - (outputOf(result, 'gradientNorm').data[0] as number)) < 1e-5 * norm);
    // Norms per parameter, and all of them together.
    const parts = outputOf(result, 'parameterNorms').data as Float32Array;
    assert.equal(parts.length, networkLayout(shape).length);
    assert.ok(Math.abs(Math.hypot(...parts) - norm) < 1e-5 * norm);
  });

  it('shows a gradient that vanishes: small recurrent weights of a plain RNN, step by step', async () => {
    const shape = smallShape(preprocessing, { cell: 'rnn', task: 'many-to-one' });
    const layout = networkLayout(shape);
    const reach = async (scale: number) => {
      const rng = new Rng(2);
      // The recurrent weights come second: orthogonal ones times `scale`.
      const parameters = Float32Array.from(
        layout.flatMap((each) => {
          const values = each.initialize(rng);
          return [...(each.name === 'encoder.0.recurrent' ? values.map((value) => value * scale) : values)];
        }),
      );
      const probe = await GradientProbe.load(engine, shape, preprocessing, options);
      const norms = await probe.throughTime(parameters, newest());
      await probe.close();
      return (norms[0] as number) / (norms.at(-1) as number);
    };
    const [small, whole] = [await reach(0.01), await reach(1)];
    assert.ok(small < 1e-8 && whole > 1e-3, `${small}, ${whole}`);
  });
});
