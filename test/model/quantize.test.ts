import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { wallClock } from '../../domain/clock.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { readArtifact } from '../../model/artifact.js';
import { trainingConfigSchema } from '../../model/config.js';
import { writeEnsemble } from '../../model/ensemble-artifact.js';
import { inspectModel } from '../../model/inspect.js';
import { networkLayout } from '../../model/network.js';
import { parameterCount } from '../../model/parameters.js';
import { NetworkPredictor, openPredictor } from '../../model/predict.js';
import { quantizeModel } from '../../model/quantize.js';
import { quantizeVersion } from '../../model/quantized-artifact.js';
import { train } from '../../model/trainer.js';
import { originsOf } from '../../model/windows.js';
import {
  everyNetwork,
  randomForecast,
  smallHistories,
  smallPreprocessing,
  smallShape,
  smallSpec,
  windowAt,
} from './fixtures.js';

const histories = smallHistories(16);
const preprocessing = smallPreprocessing(histories);
const windows = histories.flatMap((history) => [2, 5, 8, 11].map((step) => windowAt(history, step)));

describe('a network in int8', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());
  const predict = async (model: Uint8Array) => {
    const predictor = new NetworkPredictor('test', smallSpec, await engine.load(model));
    const curves = await predictor.predict(windows);
    await predictor.close();
    return curves;
  };

  it('forecasts what it forecasts in float32, nearly, with every task and depth', async () => {
    for (const network of everyNetwork.filter(({ cell }) => cell === 'lstm')) {
      const model = randomForecast(preprocessing, 3, 0.5, network);
      const int8 = await quantizeModel(model, engine);
      assert.ok(int8);
      const { operators } = await inspectModel(int8, engine);
      assert.ok(!operators.some(({ operator }) => operator === 'LSTM'));
      assert.ok(operators.some(({ operator }) => operator === 'DynamicQuantizeLSTM'));
      const wanted = await predict(model);
      const got = await predict(int8);
      assert.notDeepEqual(got, wanted);
      let sum = 0;
      got.forEach((value, index) => {
        sum += Math.abs(value - wanted[index]!);
        assert.ok(value >= 0 && value <= 1);
      });
      assert.ok(sum / got.length < 0.01, `${JSON.stringify(network)}: ${sum / got.length}`);
    }
  });

  it('holds the same parameters in a smaller file', async () => {
    const change = { hiddenSize: 64 };
    const model = randomForecast(preprocessing, 3, 0.3, change);
    const int8 = (await quantizeModel(model, engine)) as Uint8Array;
    const { parameterCount: count } = await inspectModel(int8, engine);
    // ONNX has the biases of an LSTM twice, the second time as zeros.
    assert.equal(count, parameterCount(networkLayout(smallShape(preprocessing, change))) + 4 * 64);
    assert.ok(int8.length < 0.5 * model.length, `${int8.length} of ${model.length} bytes`);
  });

  it('is not to be had of other cells', async () => {
    for (const cell of ['gru', 'rnn'] as const)
      assert.equal(await quantizeModel(randomForecast(preprocessing, 3, 1, { cell }), engine), undefined);
  });
});

describe('a version in int8', () => {
  let engine: OnnxEngine;
  let folder: string;
  before(async () => {
    engine = new OnnxEngine();
    folder = await mkdtemp(join(tmpdir(), 'millwright-int8-'));
  });
  after(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });
  const trainWith = (seed: number, cell: 'lstm' | 'gru' = 'lstm') =>
    train({
      spec: smallSpec,
      histories,
      config: trainingConfigSchema.parse({
        cell,
        hiddenSize: 8,
        batchSize: 16,
        steps: 40,
        validateEverySteps: 20,
        validationShare: 0.4,
        lifeCoverage: 0.5,
      }),
      seed,
      engine,
      clock: wallClock,
      modelsDirectory: folder,
      codeVersion: '1.2.3',
    });
  const quantize = (directory: string, lossMax: number) =>
    quantizeVersion({
      directory,
      modelsDirectory: folder,
      origins: originsOf(histories),
      engine,
      lossMax,
      codeVersion: '1.2.3',
    });

  it('loads as any other, says what it lost, and keeps all outputs', async () => {
    const { directory, version } = await trainWith(1);
    const { quantization, written } = await quantize(directory, 0.5);
    assert.ok(written);
    assert.match(written.version, /^lstm-int8-[0-9a-f]{12}$/);
    assert.equal(quantization.of, version);
    assert.equal(quantization.machineCount, 16);
    const { metrics } = await readArtifact(written.directory);
    assert.deepEqual(metrics.quantization, quantization);
    assert.match(await readFile(join(written.directory, 'card.md'), 'utf8'), new RegExp(version));
    const predictor = await openPredictor(written.directory, engine, smallSpec);
    const outlook = await predictor.foresee(windows);
    await predictor.close();
    assert.equal(outlook.remainingLifeLowSteps?.length, windows.length);
    // The loss that is stated is the loss.
    const original = await openPredictor(directory, engine, smallSpec);
    const curves = await original.predict(windows);
    await original.close();
    const differences = outlook.probabilities.map((value, index) => Math.abs(value - curves[index]!));
    assert.ok(quantization.differenceMax > 0 && quantization.differenceMax < 0.2);
    assert.ok(Math.max(...differences) < 2 * quantization.differenceMax);
  });

  it('is not written when it loses more than is allowed', async () => {
    const { directory } = await trainWith(2);
    const before = await readdir(folder);
    const { quantization, written } = await quantize(directory, -0.9);
    assert.equal(written, undefined);
    assert.ok(quantization.loss > -0.9);
    assert.deepEqual(await readdir(folder), before);
  });

  it('can be an ensemble, and cannot be of another cell', async () => {
    const members = [await trainWith(1), await trainWith(2)];
    const ensemble = await writeEnsemble(
      folder,
      members.map(({ directory }) => directory),
      '1.2.3',
    );
    const { written } = await quantize(ensemble.directory, 0.5);
    assert.match(written?.version ?? '', /^ensemble-int8-/);
    const predictor = await openPredictor(written?.directory ?? '', engine, smallSpec);
    await predictor.close();
    const gru = await trainWith(1, 'gru');
    await assert.rejects(quantize(gru.directory, 0.5), /holds no LSTM/);
  });
});
