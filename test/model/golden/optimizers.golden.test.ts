/** Optimizers and schedules against PyTorch; make_optimizer_goldens.py made the numbers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import { trainingConfigSchema } from '../../../model/config.js';
import { dim } from '../../../model/graph/dims.js';
import { encodeGraph } from '../../../model/graph/encode.js';
import { Graph } from '../../../model/graph/graph.js';
import { LearningRate, type RateConfig } from '../../../model/learning-rate.js';
import { adamwSchedule, adamwScheduleDim } from '../../../model/optimizers/adamw.js';
import { optimizerCalled, optimizerNames } from '../../../model/optimizers/optimizer.js';
import { outputOf, type TensorValue } from '../../../model/ports.js';

interface Goldens {
  readonly first: readonly number[];
  readonly scales: readonly number[];
  readonly rate: number;
  readonly decay: number;
  readonly adam: readonly (readonly number[])[];
  readonly adamw: readonly (readonly number[])[];
  readonly losses: readonly number[];
  readonly plateau: readonly { patience: number; factor: number; least: number; rates: readonly number[] }[];
  readonly step: readonly { every: number; factor: number; rates: readonly number[] }[];
}

const goldens = JSON.parse(readFileSync('test/model/golden/optimizers.json', 'utf8')) as Goldens;

describe('the optimizers', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  for (const name of optimizerNames)
    it(`${name}: 20 steps as PyTorch's, to 1e-6`, async () => {
      const { first, scales, rate, decay } = goldens;
      const flat = [dim('parameter', first.length)];
      const graph = new Graph();
      const state = {
        parameters: graph.input('parameters', flat),
        moment1: graph.input('moment1', flat),
        moment2: graph.input('moment2', flat),
      };
      const gradient = graph.input('gradient', flat);
      const schedule = graph.input('schedule', [adamwScheduleDim]);
      const decays = graph.constant(flat, [1, 1, 0, 0]);
      const next = optimizerCalled(name)(graph, state, gradient, schedule, decays, decay);
      for (const [key, tensor] of Object.entries(next)) graph.output(`next-${key}`, tensor);
      const loaded = await engine.load(encodeGraph(graph));
      const value = (data: Float32Array): TensorValue => ({ dims: [first.length], data });
      let now: readonly [Float32Array, Float32Array, Float32Array] = [
        Float32Array.from(first),
        new Float32Array(4),
        new Float32Array(4),
      ];
      for (const [index, wanted] of goldens[name].entries()) {
        const result = await loaded.run({
          gradient: value(now[0].map((parameter, i) => (scales[i] as number) * (parameter - 1))),
          parameters: value(now[0]),
          moment1: value(now[1]),
          moment2: value(now[2]),
          schedule: { dims: [3], data: adamwSchedule(index + 1, rate) },
        });
        const read = (key: string) => outputOf(result, `next-${key}`).data as Float32Array;
        now = [read('parameters'), read('moment1'), read('moment2')];
        now[0].forEach((parameter, i) => {
          assert.ok(Math.abs(parameter - (wanted[i] as number)) < 1e-6, `step ${index + 1}, parameter ${i}`);
        });
      }
      await loaded.close();
    });

  it('differ in what they make of weight decay, so the goldens tell them apart', () => {
    const last = (path: readonly (readonly number[])[]) => path.at(-1)?.[0] as number;
    assert.ok(Math.abs(last(goldens.adam) - last(goldens.adamw)) > 1e-3);
  });
});

describe('the learning rate', () => {
  const rates = (config: Partial<RateConfig>, count: number, losses: readonly number[] = []) => {
    const base = trainingConfigSchema.parse({ learningRate: 1, warmUpShare: 0, steps: 1000 });
    const rate = new LearningRate({ ...base, ...config });
    return Array.from({ length: count }, (_, index) => {
      const now = rate.at(index + 1);
      if (index % 2 === 1) rate.validated(losses[(index - 1) / 2] as number);
      return now;
    });
  };
  const assertClose = (got: readonly number[], wanted: readonly number[]) => {
    assert.equal(got.length, wanted.length);
    got.forEach((value, index) => {
      assert.ok(Math.abs(value - (wanted[index] as number)) < 1e-12, `update ${index + 1}: ${value}`);
    });
  };

  for (const { patience, factor, least, rates: wanted } of goldens.plateau)
    it(`on a plateau falls as PyTorch's ReduceLROnPlateau does (patience ${patience}, factor ${factor})`, () => {
      const config = {
        schedule: 'plateau',
        plateauPatience: patience,
        decayFactor: factor,
        finalRateShare: least,
      } as const;
      assertClose(rates(config, wanted.length, goldens.losses), wanted);
    });

  for (const { every, factor, rates: wanted } of goldens.step)
    it(`falls in steps as PyTorch's StepLR does (every ${every}, factor ${factor})`, () => {
      const config = {
        schedule: 'step',
        decayEverySteps: every,
        decayFactor: factor,
        finalRateShare: 0,
      } as const;
      assertClose(rates(config, wanted.length), wanted);
    });
});
