import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { wallClock } from '../../domain/clock.js';
import type { History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { type TrainingConfigInput, trainingConfigSchema } from '../../model/config.js';
import { dim } from '../../model/graph/dims.js';
import { encodeGraph } from '../../model/graph/encode.js';
import { Graph } from '../../model/graph/graph.js';
import { survivalLoss } from '../../model/heads/hazards.js';
import { softSurvivalLoss } from '../../model/heads/soft-labels.js';
import { buildForecast } from '../../model/network-graph.js';
import { NetworkPredictor } from '../../model/predict.js';
import { fillSoftLabels, type SoftLabels } from '../../model/soft-labels.js';
import { addSoftLabels, type Teacher } from '../../model/teacher.js';
import { trainNetwork } from '../../model/trainer.js';
import { windowOf } from '../../model/windows.js';
import { randomForecast, smallHistories, smallPreprocessing, smallSpec } from './fixtures.js';

const horizon = smallSpec.horizonSteps;
const histories = smallHistories(12);

/** What came of every row, as labels of the soft loss; and the same rows for the hard one. */
function hardRows(share: number, curves: (length: number) => Float32Array) {
  const rows = histories.flatMap((history) =>
    Array.from({ length: history.stepCount }, (_, step) => ({ history, step })),
  );
  const atRisk = new Float32Array(rows.length * horizon);
  const failing = new Float32Array(rows.length * horizon);
  rows.forEach(({ history, step }, row) => {
    const soft = { share, curves: curves(history.stepCount * horizon), lifeSteps: undefined };
    fillSoftLabels({ atRisk, failing }, row, soft, history, step, horizon);
  });
  const column = (of: (row: (typeof rows)[number]) => number) => ({
    dims: [rows.length, 1],
    data: Float32Array.from(rows, of),
  });
  const matrix = (data: Float32Array) => ({ dims: [rows.length, horizon], data });
  return {
    count: rows.length,
    soft: { atRisk: matrix(atRisk), failing: matrix(failing) },
    hard: {
      eventDay: column(({ history, step }) => history.eventDay[step]!),
      knownDays: column(({ history, step }) => history.knownDays[step]!),
    },
  };
}

describe('learning from a teacher', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  async function softLoss(
    logits: Float32Array,
    labels: Record<'atRisk' | 'failing', { dims: number[]; data: Float32Array }>,
  ) {
    const count = logits.length / horizon;
    const graph = new Graph();
    const dims = [dim('row', count), dim('horizon', horizon)];
    const [z, a, b] = ['logits', 'atRisk', 'failing'].map((name) => graph.input(name, dims));
    graph.output('loss', softSurvivalLoss(z!, a!, b!));
    const loaded = await engine.load(encodeGraph(graph));
    const copy = ({ dims: sizes, data }: { dims: number[]; data: Float32Array }) => ({
      dims: sizes,
      data: Float32Array.from(data),
    });
    const outputs = await loaded.run({
      logits: { dims: [count, horizon], data: Float32Array.from(logits) },
      atRisk: copy(labels.atRisk),
      failing: copy(labels.failing),
    });
    await loaded.close();
    return outputs.loss?.data[0] as number;
  }

  it('is learning from what came where its share is 0', async () => {
    const { soft, hard, count } = hardRows(0, (length) => new Float32Array(length).fill(0.3));
    const rng = new Rng(1);
    const logits = Float32Array.from({ length: count * horizon }, () => 2 * rng.normal());
    const graph = new Graph();
    const row = dim('row', count);
    const z = graph.input('logits', [row, dim('horizon', horizon)]);
    const day = dim('day', 1);
    graph.output(
      'loss',
      survivalLoss(z, graph.input('eventDay', [row, day]), graph.input('knownDays', [row, day])),
    );
    const loaded = await engine.load(encodeGraph(graph));
    const wanted = await loaded.run({
      logits: { dims: [count, horizon], data: Float32Array.from(logits) },
      ...hard,
    });
    await loaded.close();
    const got = await softLoss(logits, soft);
    assert.ok(Math.abs(got - (wanted.loss?.data[0] as number)) < 1e-5, `${got}, ${wanted.loss?.data[0]}`);
  });

  it('costs least at the hazards of the teacher', async () => {
    const rng = new Rng(2);
    const hazards = Array.from({ length: horizon }, () => 0.05 + 0.4 * rng.uniform());
    let survival = 1;
    const curve = hazards.map((hazard) => {
      survival *= 1 - hazard;
      return 1 - survival;
    });
    const { soft, count } = hardRows(1, (length) =>
      Float32Array.from({ length }, (_, index) => curve[index % horizon]!),
    );
    const logitsWith = (change: (day: number) => number) =>
      Float32Array.from({ length: count * horizon }, (_, index) => {
        const hazard = hazards[index % horizon]!;
        return Math.log(hazard / (1 - hazard)) + change(index % horizon);
      });
    const least = await softLoss(
      logitsWith(() => 0),
      soft,
    );
    for (let day = 0; day < horizon; day++)
      for (const step of [-0.3, 0.3])
        assert.ok(
          (await softLoss(
            logitsWith((at) => (at === day ? step : 0)),
            soft,
          )) >
            least + 1e-4,
        );
  });

  it('has labels of every row, those that the teacher gives', async () => {
    const predictor = new NetworkPredictor(
      'teacher',
      smallSpec,
      await engine.load(randomForecast(smallPreprocessing(histories), 4)),
    );
    const labels = new Map<History, SoftLabels>();
    await addSoftLabels(labels, { predictor, share: 1 }, smallSpec, histories);
    for (const history of histories.slice(0, 3)) {
      const step = history.stepCount - 2;
      const { probabilities } = await predictor.foresee([windowOf(smallSpec, { history, step })]);
      const { curves = new Float32Array(0), lifeSteps } = labels.get(history) ?? {};
      assert.deepEqual(curves.slice(step * horizon, (step + 1) * horizon), probabilities);
      assert.equal(lifeSteps, undefined, 'this teacher says no remaining life');
    }
    await predictor.close();
  });

  for (const task of ['dense', 'many-to-one'] as const)
    it(`brings a small network nearer to its teacher than what came does (${task})`, async () => {
      const trainWith = (config: TrainingConfigInput, seed: number, teacher?: Teacher) =>
        trainNetwork({
          spec: smallSpec,
          histories,
          config: trainingConfigSchema.parse({ batchSize: 32, steps: 80, validateEverySteps: 40, ...config }),
          seed,
          engine,
          clock: wallClock,
          ...(teacher ? { teacher } : {}),
        });
      const serve = async ({ shape, preprocessing, parameters }: Awaited<ReturnType<typeof trainWith>>) =>
        new NetworkPredictor(
          'teacher',
          smallSpec,
          await engine.load(buildForecast(shape, preprocessing, parameters, {}, 125)),
        );
      const predictor = await serve(await trainWith({ hiddenSize: 16 }, 1));
      const small = {
        hiddenSize: 8,
        dropout: 0,
        steps: 300,
        validateEverySteps: 100,
        learningRate: 0.01,
        task,
      };
      const taught = await trainWith(small, 2, { predictor, share: 1 });
      assert.deepEqual(taught.teacher, { version: 'teacher', share: 1 });
      const alone = await trainWith(small, 2);
      const others = smallHistories(30, 9);
      const asked = others.map((history) => windowOf(smallSpec, { history, step: history.stepCount - 3 }));
      const wanted = await predictor.predict(asked);
      const distance = async (network: typeof taught) => {
        const student = await serve(network);
        const curves = await student.predict(asked);
        await student.close();
        return (
          curves.reduce((sum, value, index) => sum + Math.abs(value - wanted[index]!), 0) / curves.length
        );
      };
      const [near, far] = [await distance(taught), await distance(alone)];
      await predictor.close();
      assert.ok(near < 0.8 * far, `${near} and ${far}`);
    });
});
