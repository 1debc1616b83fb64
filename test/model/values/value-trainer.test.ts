import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SetClock } from '../../../domain/clock.js';
import { UserError } from '../../../domain/errors.js';
import type { History } from '../../../domain/features.js';
import { Rng } from '../../../domain/rng.js';
import type { ValueSensor } from '../../../domain/values.js';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import { trainingConfigSchema } from '../../../model/config.js';
import { openPredictor } from '../../../model/predict.js';
import { writeValueArtifact } from '../../../model/values/value-artifact.js';
import { openValuePredictor } from '../../../model/values/value-predict.js';
import { trainValues } from '../../../model/values/value-trainer.js';
import { smallHistories, smallSpec, windowAt } from '../fixtures.js';

const sensors: readonly ValueSensor[] = [
  { name: 'vibration', unit: 'mm/s', column: 1 },
  { name: 'temperature', unit: 'degC', column: 2 },
  { name: 'constant', unit: 'bar', column: 3 },
];
const width = smallSpec.names.length;

/** A vibration that comes and goes in waves of eight steps, and wear from `wornFrom` on; no failure is known. */
function waves(machine: number, stepCount: number, wornFrom: number): History {
  const rng = new Rng(machine + 1);
  const rows = new Float32Array(stepCount * width);
  for (let step = 0; step < stepCount; step++) {
    const worn = Math.max(0, step - wornFrom);
    const wave = Math.sin((2 * Math.PI * (step + machine)) / 8);
    rows.set(
      [1500, 5 + wave + 0.3 * worn + 0.1 * rng.normal(), 60 + rng.normal(), 5, 0, 0, step],
      step * width,
    );
  }
  return {
    machine: `pump-${machine}`,
    rows,
    stepCount,
    originsMs: Float64Array.from({ length: stepCount }, (_, step) => step),
    eventDay: new Uint8Array(stepCount),
    knownDays: Uint8Array.from({ length: stepCount }, (_, step) => Math.min(5, stepCount - 1 - step)),
  };
}

const healthy = Array.from({ length: 16 }, (_, machine) => waves(machine, 50, Infinity));

describe('the trainer of values', () => {
  let engine: OnnxEngine;
  let folder: string;
  before(async () => {
    engine = new OnnxEngine();
    folder = await mkdtemp(join(tmpdir(), 'values-'));
  });
  after(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });
  const train = (histories: readonly History[], seed = 1, steps = 150) =>
    trainValues({
      spec: smallSpec,
      sensors,
      histories,
      config: trainingConfigSchema.parse({
        hiddenSize: 16,
        batchSize: 16,
        steps,
        validateEverySteps: 25,
        learningRate: 1e-2,
        dropout: 0,
      }),
      seed,
      engine,
      clock: new SetClock(0),
    });

  it('learns waves without a failure on record, and leaves out what never varies', async () => {
    const trained = await train(healthy);
    assert.deepEqual(
      [trained.sensors.map(({ name }) => name), trained.constant.map(({ name }) => name)],
      [['vibration', 'temperature'], ['constant']],
    );
    // A sine is .9 of its standard deviation from its mean, noise .8: without the waves it would be .85.
    const [first] = trained.validation.mae as [number];
    assert.ok(first < 0.65, `mean absolute error ${first}`);
    assert.ok(trained.validation.coverage > 0.6 && trained.validation.coverage < 0.95);
  });

  it('gives the same bits for the same seed, others for another', async () => {
    const [a, b, c] = [await train(healthy, 1, 25), await train(healthy, 1, 25), await train(healthy, 2, 25)];
    assert.deepEqual(a.parameters, b.parameters);
    assert.notDeepEqual(a.parameters, c.parameters);
  });

  it('writes what serves: a healthy machine stays inside its limit, a worn one passes it', async () => {
    const written = await writeValueArtifact(folder, await train(healthy), engine, '1.0.0');
    const { directory, metrics, version } = written;
    assert.ok(metrics.healthIndex && version.startsWith('values-lstm-'));
    const predictor = await openValuePredictor(directory, engine, smallSpec);
    const [well, worn, young] = await predictor.foresee([
      windowAt(waves(40, 50, Infinity), 40),
      windowAt(waves(40, 50, 30), 40),
      windowAt(waves(40, 50, Infinity), 4),
    ]);
    assert.ok(well?.health && well.health.index < 1, `${well?.health?.index}`);
    assert.ok(worn?.health && worn.health.index > 1, `${worn?.health?.index}`);
    assert.deepEqual(
      [young?.health, young?.healthReason],
      [null, 'history too short for a health index: 5 of 10 steps'],
    );
    await predictor.close();
    await assert.rejects(openPredictor(directory, engine), (error: Error) => {
      assert.ok(error instanceof UserError);
      return /forecasts values, not failures/.test(error.message);
    });
  });

  it('has no index where too little is known to be healthy', async () => {
    const trained = await train(smallHistories(6), 1, 25);
    const { metrics, directory } = await writeValueArtifact(folder, trained, engine, '1.0.0');
    assert.equal(metrics.healthIndex, false);
    const predictor = await openValuePredictor(directory, engine);
    const [history] = smallHistories(1) as [History];
    const [outlook] = await predictor.foresee([windowAt(history, 11)]);
    assert.match(outlook?.healthReason ?? '', /has no health index/);
    assert.equal(outlook?.sensors.length, 2);
    await predictor.close();
  });

  it('one machine is not enough', async () => {
    await assert.rejects(train(healthy.slice(0, 1)), /at least 2 machines, got 1/);
  });
});
