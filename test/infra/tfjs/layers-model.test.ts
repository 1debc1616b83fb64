/** Export as layers of TensorFlow.js and import again. TensorFlow.js itself loads, runs and saves, where it is installed. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { wallClock } from '../../../domain/clock.js';
import { UserError } from '../../../domain/errors.js';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import { inputNames, paddingValue } from '../../../infra/tfjs/layers.js';
import { readLayersModel, writeLayersModel } from '../../../infra/tfjs/layers-file.js';
import { openTfjs, type TfjsPlace } from '../../../infra/tfjs/packages.js';
import { readArtifact } from '../../../model/artifact.js';
import { trainingConfigSchema } from '../../../model/config.js';
import { readNetworks, type StoredNetwork } from '../../../model/explanation/stored-networks.js';
import { dim } from '../../../model/graph/dims.js';
import { encodeGraph } from '../../../model/graph/encode.js';
import { Graph } from '../../../model/graph/graph.js';
import { writeImported } from '../../../model/imported-artifact.js';
import { outputOf } from '../../../model/ports.js';
import { openPredictor } from '../../../model/predict.js';
import { inputSize, type Preprocessing } from '../../../model/preprocessing.js';
import { preprocess, windowDims } from '../../../model/preprocessing-graph.js';
import { train } from '../../../model/trainer.js';
import { smallHistories, smallSpec, windowAt } from '../../model/fixtures.js';
import { installedTfjs, skipWithout } from './installed.js';

const histories = smallHistories(20);
/** The newest step of each is 2, 5, ... steps into its history: the first are shorter than the network's window. */
const windows = histories.flatMap((history) => [1, 3, 8, 11].map((step) => windowAt(history, step)));
const { windowSteps, horizonSteps } = smallSpec;

const kinds = [
  { cell: 'lstm', layers: 1, normalization: 'none', task: 'dense' },
  { cell: 'lstm', layers: 2, normalization: 'layer', task: 'many-to-one' },
  { cell: 'rnn', layers: 2, normalization: 'none', task: 'dense' },
] as const;

describe('a layers model of TensorFlow.js', () => {
  let engine: OnnxEngine;
  let folder: string;
  before(async () => {
    engine = new OnnxEngine();
    folder = await mkdtemp(join(tmpdir(), 'millwright-layers-'));
  });
  after(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });
  const versions = () => join(folder, 'models');
  const trainKind = async (change: object) => {
    const config = {
      hiddenSize: 8,
      batchSize: 16,
      steps: 40,
      validateEverySteps: 20,
      calibration: 'none',
      ...change,
    };
    const { directory } = await train({
      spec: smallSpec,
      histories,
      config: trainingConfigSchema.parse(config),
      seed: 1,
      engine,
      clock: wallClock,
      modelsDirectory: versions(),
      codeVersion: '1.2.3',
    });
    return { directory, network: await networkIn(directory) };
  };
  let names = 0;
  const exported = async (network: StoredNetwork) => {
    names += 1;
    const directory = join(folder, `layers-${names}`);
    await writeLayersModel(network, directory);
    return directory;
  };
  const curves = async (directory: string) => {
    const predictor = await openPredictor(directory, engine);
    const probabilities = await predictor.predict(windows);
    await predictor.close();
    return probabilities;
  };

  for (const kind of kinds)
    it(`${kind.cell}, ${kind.layers} layer(s): comes back as it went, and forecasts the same`, async () => {
      const { directory, network } = await trainKind(kind);
      const back = await readLayersModel(await exported(network));
      assert.deepEqual(back.preprocessing, network.preprocessing);
      assert.deepEqual(back.parameters, network.parameters.subarray(0, back.parameters.length));
      const imported = await writeImported(versions(), back, 'a test', '1.2.3');
      assert.deepEqual(await curves(imported.directory), await curves(directory));
      assert.deepEqual((await networkIn(imported.directory)).parameters, back.parameters);
    });

  it('refuses what TensorFlow.js has no layers for', async () => {
    for (const [change, why] of [
      [{ cell: 'gru' }, /reset gate/],
      [{ task: 'encoder-decoder' }, /encoder-decoder/],
    ] as const) {
      const { network } = await trainKind(change);
      await assert.rejects(writeLayersModel(network, join(folder, 'refused')), (error: unknown) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, why);
        assert.match(error.message, /--format onnx/);
        return true;
      });
    }
  });

  it('refuses to import what is not the network that was exported', async () => {
    const { network } = await trainKind(kinds[0]);
    interface Model {
      modelTopology: { config: { layers: { class_name: string; config: Record<string, unknown> }[] } };
      weightsManifest: { weights: { shape: number[] }[] }[];
      userDefinedMetadata?: unknown;
    }
    const faults: [(model: Model) => void, RegExp][] = [
      [({ modelTopology }) => modelTopology.config.layers.pop(), /it has 4 layers, wanted 5/],
      [
        ({ modelTopology }) => {
          modelTopology.config.layers[1]!.config.recurrent_activation = 'hardSigmoid';
        },
        /layer encoder_0 has recurrent_activation "hardSigmoid", wanted "sigmoid"/,
      ],
      [
        ({ modelTopology }) => {
          modelTopology.config.layers[1]!.class_name = 'GRU';
        },
        /layer 2 is a GRU, wanted LSTM/,
      ],
      [(model) => delete model.userDefinedMetadata, /userDefinedMetadata\.millwright/],
      [
        ({ weightsManifest }) => weightsManifest[0]!.weights.pop(),
        /"failure_probabilities\/kernel" have no values/,
      ],
      [
        ({ weightsManifest }) => {
          weightsManifest[0]!.weights[0]!.shape = [1e6];
        },
        /weights\.bin end within the weights "encoder_0\/kernel"/,
      ],
    ];
    for (const [damage, pattern] of faults) {
      const directory = await exported(network);
      const file = join(directory, 'model.json');
      const model = JSON.parse(await readFile(file, 'utf8')) as Model;
      damage(model);
      await writeFile(file, JSON.stringify(model));
      await assert.rejects(readLayersModel(directory), (error: unknown) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, pattern);
        return true;
      });
    }
    const directory = await exported(network);
    const weights = await readFile(join(directory, 'weights.bin'));
    weights.writeFloatLE(0.5, weights.length - 4);
    await writeFile(join(directory, 'weights.bin'), weights);
    await assert.rejects(readLayersModel(directory), /"failure_probabilities\/kernel" were changed/);
    weights.writeFloatLE(NaN, 0);
    await writeFile(join(directory, 'weights.bin'), weights);
    await assert.rejects(readLayersModel(directory), /"encoder_0\/kernel" are not all finite/);
  });

  const place = installedTfjs('node');
  describe('in tfjs-node', { skip: skipWithout(place) }, () => {
    interface LayersModel {
      predict(x: object): { dataSync(): Float32Array };
      compile(options: object): void;
      fit(x: object, y: object, options: object): Promise<{ history: { loss: number[] } }>;
      save(url: string): Promise<unknown>;
    }
    interface Api {
      loadLayersModel(url: string): Promise<LayersModel>;
      tensor(values: Float32Array, shape: readonly number[]): object;
      readonly train: { adam(rate: number): unknown };
    }
    const open = async () => (await openTfjs(place as TfjsPlace)).tf as unknown as Api;
    const urlOf = (directory: string, file = '') => `${pathToFileURL(directory)}${file}`;

    for (const kind of kinds)
      it(`${kind.cell}, ${kind.layers} layer(s): forecasts as the version that was exported`, async () => {
        const { directory, network } = await trainKind(kind);
        const tf = await open();
        const model = await tf.loadLayersModel(urlOf(await exported(network), '/model.json'));
        const inputs = await networkInputs(engine, network.preprocessing);
        const said = model.predict(tf.tensor(inputs.values, inputs.dims)).dataSync();
        const wanted = await curves(directory);
        const worst = wanted.reduce((most, value, at) => Math.max(most, Math.abs(value - said[at]!)), 0);
        assert.equal(said.length, wanted.length);
        assert.ok(worst < 1e-6, `they differ by up to ${worst}`);
      });

    it('is trained further there, saved by model.save(), and comes back with its new weights', async () => {
      const { network } = await trainKind(kinds[1]);
      const tf = await open();
      const model = await tf.loadLayersModel(urlOf(await exported(network), '/model.json'));
      model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError' });
      const inputs = await networkInputs(engine, network.preprocessing);
      const x = tf.tensor(inputs.values, inputs.dims);
      const y = tf.tensor(new Float32Array(windows.length * horizonSteps), [windows.length, horizonSteps]);
      await model.fit(x, y, { epochs: 5, verbose: 0 });
      const saved = join(folder, 'saved');
      await model.save(urlOf(saved));

      const back = await readLayersModel(saved);
      assert.notDeepEqual(back.parameters, network.parameters.subarray(0, back.parameters.length));
      const imported = await writeImported(versions(), back, 'a test', '1.2.3');
      const [said, wanted] = [model.predict(x).dataSync(), await curves(imported.directory)];
      const worst = wanted.reduce((most, value, at) => Math.max(most, Math.abs(value - said[at]!)), 0);
      assert.ok(worst < 1e-6, `they differ by up to ${worst}`);
    });
  });
});

async function networkIn(directory: string): Promise<StoredNetwork> {
  const [network] = readNetworks(await readArtifact(directory));
  return network as StoredNetwork;
}

/** What the exported network reads for `windows`: [N, T, I]. */
async function networkInputs(engine: OnnxEngine, preprocessing: Preprocessing) {
  const graph = new Graph();
  const raw = graph.input('windows', windowDims(preprocessing.spec, dim('batch', windows.length)));
  graph.output('inputs', preprocess(raw, preprocessing, 'oldest-first'));
  const loaded = await engine.load(encodeGraph(graph));
  const { contextSteps, names } = preprocessing.spec;
  const data = Float32Array.from(windows.flatMap(({ rows }) => [...rows]));
  const result = await loaded.run({ windows: { dims: [windows.length, contextSteps, names.length], data } });
  await loaded.close();
  const stepsFirst = outputOf(result, 'inputs').data as Float32Array;
  const width = inputSize(preprocessing);
  assert.equal(inputNames(preprocessing).length, width);
  const values = new Float32Array(stepsFirst.length);
  windows.forEach(({ stepCount }, index) => {
    for (let step = 0; step < windowSteps; step++) {
      const to = (index * windowSteps + step) * width;
      const from = (step * windows.length + index) * width;
      values.set(stepsFirst.subarray(from, from + width), to);
      if (step < windowSteps - stepCount) values.fill(paddingValue, to, to + width);
    }
  });
  return { values, dims: [windows.length, windowSteps, width] };
}
