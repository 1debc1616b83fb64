/** A step divided between engines against the step on one. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { dropoutWidth, networkLayout } from '../../model/network.js';
import { adamwSchedule } from '../../model/optimizers/adamw.js';
import { initializeParameters } from '../../model/parameters.js';
import { outputOf, type TensorValue, type TensorValues } from '../../model/ports.js';
import { labelsOf, type TaskName } from '../../model/tasks.js';
import { loadTrainingStep } from '../../model/training-step.js';
import { smallHistories, smallPreprocessing, smallShape, smallSpec } from './fixtures.js';

const preprocessing = smallPreprocessing(smallHistories(20));
const batchSize = 16;
const options = { batchSize, weightDecay: 0.01, clipNorm: 0.1, dropout: 0.5, remainingLifeWeight: 1 };

describe('a training step divided between engines', () => {
  const engines: OnnxEngine[] = [];
  before(() => {
    for (let count = 0; count < 3; count++) engines.push(new OnnxEngine());
  });
  after(() => Promise.all(engines.map((engine) => engine.close())));

  /** Three steps on random batches of which every day is known, on so many engines. */
  async function threeSteps(count: number, task: TaskName): Promise<TensorValues> {
    const shape = { ...smallShape(preprocessing), remainingLife: true, task };
    const [first, ...others] = engines.slice(0, count) as [OnnxEngine, ...OnnxEngine[]];
    const step = await loadTrainingStep([first, ...others], shape, preprocessing, options);
    const rng = new Rng(5);
    const { contextSteps, names, windowSteps, horizonSteps } = smallSpec;
    const rows = labelsOf(task) === 'every-step' ? windowSteps * batchSize : batchSize;
    const tensor = (dims: number[], value: () => number): TensorValue => ({
      dims,
      data: Float32Array.from({ length: dims.reduce((a, b) => a * b) }, value),
    });
    const parameters = initializeParameters(networkLayout(shape), rng);
    const flat = [parameters.length];
    let state: Record<string, TensorValue> = {
      parameters: { dims: flat, data: parameters },
      moment1: tensor(flat, () => 0),
      moment2: tensor(flat, () => 0),
    };
    let result: TensorValues = {};
    for (let number = 1; number <= 3; number++) {
      result = await step.run({
        ...state,
        windows: tensor([batchSize, contextSteps, names.length], () => rng.normal()),
        eventDay: tensor([rows, 1], () => rng.int(horizonSteps + 1)),
        knownDays: tensor([rows, 1], () => horizonSteps),
        lifeShare: tensor([rows, 1], () => rng.uniform()),
        lifeWeight: tensor([rows, 1], () => 1),
        dropout: tensor([batchSize, dropoutWidth(shape)], () => 2 * rng.int(2)),
        schedule: { dims: [3], data: adamwSchedule(number, 1e-2) },
      });
      state = {
        parameters: outputOf(result, 'nextParameters'),
        moment1: outputOf(result, 'nextMoment1'),
        moment2: outputOf(result, 'nextMoment2'),
      };
    }
    await step.close();
    return result;
  }

  for (const task of ['dense', 'many-to-one'] as const)
    for (const count of [2, 3])
      it(`of ${count} gives what one does, ${task}`, async () => {
        const [whole, parted] = [await threeSteps(1, task), await threeSteps(count, task)];
        assert.deepEqual(Object.keys(parted), Object.keys(whole));
        for (const name of Object.keys(whole)) {
          const [data, other] = [whole, parted].map(
            (values) => outputOf(values, name).data as Float32Array,
          ) as [Float32Array, Float32Array];
          assert.equal(other.length, data.length);
          const scale = Math.max(...data.map(Math.abs));
          data.forEach((value, index) => {
            const error = Math.abs(value - (other[index] as number)) / scale;
            assert.ok(error < 2e-5, `${name}[${index}]: ${other[index]}, on one engine ${value}`);
          });
        }
      });

  it('gives the same bits again', async () => {
    assert.deepEqual(await threeSteps(2, 'dense'), await threeSteps(2, 'dense'));
  });
});
