import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { wallClock } from '../../domain/clock.js';
import type { FeatureSpec } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { trainingConfigSchema } from '../../model/config.js';
import { joinForecasts } from '../../model/ensemble.js';
import { writeEnsemble } from '../../model/ensemble-artifact.js';
import { networkLayout } from '../../model/network.js';
import { buildForecast } from '../../model/network-graph.js';
import { initializeParameters } from '../../model/parameters.js';
import { NetworkPredictor, type Outlook, openPredictor } from '../../model/predict.js';
import { train } from '../../model/trainer.js';
import {
  randomForecast,
  smallHistories,
  smallPreprocessing,
  smallShape,
  smallSpec,
  windowAt,
} from './fixtures.js';

const histories = smallHistories(20);
const preprocessing = smallPreprocessing(histories);
const windows = histories.flatMap((history) => [2, 5, 8, 11].map((step) => windowAt(history, step)));
const horizon = smallSpec.horizonSteps;
const lifeCapSteps = 40;

function assertNear(a: Outlook, b: Outlook): void {
  assert.equal(a.probabilities.length, b.probabilities.length);
  a.probabilities.forEach((value, index) => {
    assert.ok(Math.abs(value - (b.probabilities[index] as number)) < 1e-6, `${index}`);
  });
  assert.deepEqual(a.remainingLifeSteps, b.remainingLifeSteps);
}

/** A network with random weights that also says the remaining life. */
function lifeForecast(seed: number): Uint8Array {
  const shape = { ...smallShape(preprocessing), remainingLife: true };
  const rng = new Rng(seed);
  const values = initializeParameters(networkLayout(shape), rng).map((value) => value + 0.3 * rng.normal());
  return buildForecast(shape, preprocessing, values, {}, lifeCapSteps);
}

describe('several networks in one graph', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());
  const foresee = async (model: Uint8Array, asked = windows) => {
    const predictor = new NetworkPredictor('test', smallSpec, await engine.load(model));
    const outlook = await predictor.foresee(asked);
    await predictor.close();
    return outlook;
  };

  it('give the mean of their cumulated hazards and of their remaining lives', async () => {
    const models = [1, 2, 3].map(lifeForecast);
    const members = await Promise.all(models.map((model) => foresee(model)));
    const joined = await foresee(joinForecasts(models, horizon, {}));
    const mean = (of: (member: Outlook) => number) =>
      members.reduce((sum, member) => sum + of(member), 0) / members.length;
    assert.equal(joined.probabilities.length, windows.length * horizon);
    joined.probabilities.forEach((value, index) => {
      const hazard = mean(({ probabilities }) => -Math.log1p(-(probabilities[index] as number)));
      assert.ok(Math.abs(value - -Math.expm1(-hazard)) < 1e-6, `${index}: ${value}, hazard ${hazard}`);
    });
    assert.equal(joined.remainingLifeSteps?.length, windows.length);
    joined.remainingLifeSteps?.forEach((value, index) => {
      const life = mean(({ remainingLifeSteps }) => remainingLifeSteps?.[index] ?? Number.NaN);
      assert.ok(Math.abs(value - life) < 1e-4, `${index}: ${value}, ${life}`);
    });
  });

  it('give curves in [0, 1] that never fall, for any weights', async () => {
    for (const scale of [0.1, 1, 10, 100]) {
      const models = [1, 2, 3, 4, 5, 6, 7].map((seed) => randomForecast(preprocessing, seed, scale));
      const { probabilities } = await foresee(joinForecasts(models, horizon, {}));
      probabilities.forEach((value, index) => {
        assert.ok(value >= 0 && value <= 1, `scale ${scale}: ${value}`);
        if (index % horizon > 0) assert.ok(value >= (probabilities[index - 1] as number));
      });
    }
  });

  it('give a window the same bits alone as among others', async () => {
    const model = joinForecasts([1, 2, 3].map(lifeForecast), horizon, {});
    const all = await foresee(model);
    for (const index of [0, 7, windows.length - 1]) {
      const alone = await foresee(model, windows.slice(index, index + 1));
      assert.deepEqual(
        alone.probabilities,
        all.probabilities.slice(index * horizon, (index + 1) * horizon),
        `window ${index}`,
      );
      assert.equal(alone.remainingLifeSteps?.[0], all.remainingLifeSteps?.[index], `window ${index}`);
    }
  });

  it('stay finite where members are sure of a failure', async () => {
    const sure = randomForecast(preprocessing, 1, 1000);
    assert.ok((await foresee(sure)).probabilities.includes(1), 'a member that says 1');
    const { probabilities } = await foresee(joinForecasts([sure, sure, lifeForecast(1)], horizon, {}));
    assert.ok(probabilities.every((value) => Number.isFinite(value) && value <= 1));
  });

  it('that are one network give its forecasts', async () => {
    const model = lifeForecast(4);
    const [joined, alone] = [await foresee(joinForecasts([model], horizon, {})), await foresee(model)];
    assertNear(joined, alone);
  });

  it('are joined again as any other model', async () => {
    const twice = joinForecasts(
      [joinForecasts([lifeForecast(1)], horizon, {}), lifeForecast(2)],
      horizon,
      {},
    );
    const once = joinForecasts([lifeForecast(1), lifeForecast(2)], horizon, {});
    assertNear(await foresee(twice), await foresee(once));
  });

  it('say nothing of remaining life unless all of them do', async () => {
    const model = joinForecasts([lifeForecast(1), randomForecast(preprocessing, 2)], horizon, {});
    const { probabilities, remainingLifeSteps } = await foresee(model);
    assert.equal(probabilities.length, windows.length * horizon);
    assert.equal(remainingLifeSteps, undefined);
  });
});

describe('the artifact of an ensemble', () => {
  const config = trainingConfigSchema.parse({
    hiddenSize: 8,
    batchSize: 16,
    steps: 20,
    validateEverySteps: 10,
    remainingLifeCapSteps: lifeCapSteps,
  });
  let engine: OnnxEngine;
  let folder: string;
  const directories: string[] = [];
  const trainInto = async (seed: number, spec: FeatureSpec = smallSpec) =>
    train({
      spec,
      histories,
      config,
      seed,
      engine,
      clock: wallClock,
      modelsDirectory: folder,
      codeVersion: '1.2.3',
    });
  before(async () => {
    engine = new OnnxEngine();
    folder = await mkdtemp(join(tmpdir(), 'millwright-ensemble-'));
    for (const seed of [1, 2, 3]) directories.push((await trainInto(seed)).directory);
  });
  after(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });

  it('opens as any other and gives the mean of the cumulated hazards of its members', async () => {
    const written = await writeEnsemble(folder, directories, '1.2.3');
    const predictor = await openPredictor(written.directory, engine, smallSpec);
    assert.match(predictor.version, /^ensemble-[0-9a-f]{12}$/);
    assert.deepEqual(predictor.spec, smallSpec);
    const curves = await predictor.predict(windows);
    const hazards = new Float64Array(curves.length);
    for (const directory of directories) {
      const member = await openPredictor(directory, engine, smallSpec);
      (await member.predict(windows)).forEach((value, index) => {
        hazards[index] = (hazards[index] as number) - Math.log1p(-value) / 3;
      });
      await member.close();
    }
    curves.forEach((value, index) => {
      assert.ok(Math.abs(value - -Math.expm1(-(hazards[index] as number))) < 1e-6);
    });
    await predictor.close();
    const card = await readFile(join(written.directory, 'card.md'), 'utf8');
    assert.match(card, /3 networks/);
  });

  it('is the same version for the same members, another for others', async () => {
    const one = await writeEnsemble(folder, directories, '1.2.3');
    const again = await writeEnsemble(folder, directories, '1.2.3');
    const other = await writeEnsemble(folder, directories.slice(1), '1.2.3');
    assert.equal(again.version, one.version);
    assert.notEqual(other.version, one.version);
  });

  it('does not open when its model or its preprocessing was changed', async () => {
    const { directory } = await writeEnsemble(folder, directories.slice(0, 2), '1.2.3');
    const model = await readFile(join(directory, 'model.onnx'));
    model[model.length >> 1] = (model[model.length >> 1] as number) ^ 1;
    await writeFile(join(directory, 'model.onnx'), model);
    await assert.rejects(openPredictor(directory, engine), /model\.onnx was changed/);
    const again = await writeEnsemble(folder, directories.slice(0, 2), '1.2.3');
    const file = join(again.directory, 'preprocessing.json');
    const stored = JSON.parse(await readFile(file, 'utf8')) as { spec: { names: string[] } };
    stored.spec.names.reverse();
    await writeFile(file, JSON.stringify(stored));
    await assert.rejects(openPredictor(again.directory, engine), /feature 0 is "speed\.mean" in manifest/);
  });

  it('cannot be made of networks that read other features', async () => {
    const names = smallSpec.names.map((name) => (name === 'age' ? 'hours' : name));
    const other = await trainInto(1, { ...smallSpec, names });
    await assert.rejects(
      writeEnsemble(folder, [directories[0] as string, other.directory], '1.2.3'),
      /cannot be one ensemble: feature 6 is "hours"/,
    );
  });

  it('cannot be made of ensembles', async () => {
    const { directory } = await writeEnsemble(folder, directories, '1.2.3');
    await assert.rejects(
      writeEnsemble(folder, [directories[0] as string, directory], '1.2.3'),
      /is an ensemble already/,
    );
  });
});
