/** Hazards by cause, from the labels to the forecast. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { causesOf } from '../../model/causes.js';
import { trainingConfigSchema } from '../../model/config.js';
import { dim } from '../../model/graph/dims.js';
import { encodeGraph } from '../../model/graph/encode.js';
import { Graph } from '../../model/graph/graph.js';
import { machineLogits } from '../../model/heads/causes.js';
import { dropoutWidth, type NetworkShape, networkLayout } from '../../model/network.js';
import { buildForecast, buildLoss, buildTrainingStep, buildValidation } from '../../model/network-graph.js';
import { adamwSchedule } from '../../model/optimizers/adamw.js';
import { parameterCount } from '../../model/parameters.js';
import { outputOf } from '../../model/ports.js';
import { NetworkPredictor } from '../../model/predict.js';
import { fitPreprocessing } from '../../model/preprocessing.js';
import { causeClocks } from '../../model/preprocessing-graph.js';
import { planTraining } from '../../model/training-plan.js';
import { OriginBatchSource } from '../../model/windows.js';
import { randomForecast, smallHistories, smallShape, smallSpec, windowAt } from './fixtures.js';
import { lossGradientError } from './gradient-check.js';

/** The small fleet with a second kind of maintenance; failures of every third machine are of both, the others of one. */
const spec = { ...smallSpec, names: [...smallSpec.names, 'since.belt'], units: [...smallSpec.units, ''] };
const width = spec.names.length;
const histories = smallHistories(12).map((history, machine): History => {
  const { rows, stepCount, eventDay } = history;
  const wider = new Float32Array(stepCount * width);
  for (let step = 0; step < stepCount; step++) {
    wider.set(rows.subarray(step * (width - 1), (step + 1) * (width - 1)), step * width);
    wider[(step + 1) * width - 1] = machine % 4 === 0 ? Number.NaN : step + machine;
  }
  const causes = [1, 2, 3][machine % 3] as number;
  return {
    ...history,
    rows: wider,
    eventCauses: Uint32Array.from(eventDay, (day) => (day > 0 ? causes : 0)),
  };
});
const causes = { columns: [5, 7], scales: [4, 20] };
const preprocessing = fitPreprocessing(
  spec,
  histories,
  { smoothingAlphas: [], clipSds: 6, visitAgeSteps: 3, causes },
  new Rng(3),
);
const change = {
  task: 'day-decoder',
  decoderUnits: 6,
  visitAgeSize: 3,
  causeCount: 2,
  clockSize: 2,
} as const;
const windows = histories.flatMap((history) => [1, 4, 7, 11].map((step) => windowAt(history, step, spec)));
const stacked = Float32Array.from(windows.flatMap(({ rows }) => [...rows]));
const dims = [windows.length, spec.contextSteps, width];

describe('causes of failures', () => {
  it('are the kinds of maintenance that failures name', () => {
    assert.deepEqual(causesOf(spec, histories), { bits: [0, 1], columns: [5, 7] });
    const ofBelts = histories.filter((_, machine) => machine % 3 === 1);
    assert.deepEqual(causesOf(spec, ofBelts), { bits: [1], columns: [7] });
  });

  it('must be told of every failure', () => {
    const { eventCauses: _, ...untold } = histories[0] as History;
    assert.throws(
      () => causesOf(spec, [untold]),
      (error: unknown) => error instanceof UserError && /failure of pump-0 has no code/.test(error.message),
    );
  });

  it('have labels of their own, known as long as the machine runs', () => {
    const drawn = (bits: readonly number[]) =>
      new OriginBatchSource(spec, histories, 100, new Rng(5), undefined, bits).draw(64);
    const [together, apart] = [drawn([]), drawn([0, 1])];
    assert.deepEqual(apart.knownDays, together.knownDays);
    const kinds = new Set<string>();
    together.eventDay.forEach((day, row) => {
      const each = [...apart.eventDay.subarray(2 * row, 2 * row + 2)];
      assert.equal(Math.max(...each), day);
      assert.ok(each.every((one) => one === 0 || one === day));
      kinds.add(each.map(Math.sign).join(''));
    });
    assert.deepEqual([...kinds].sort(), ['00', '01', '10', '11']);
  });

  it('need the day decoder', () => {
    const config = trainingConfigSchema.parse({ byCause: true });
    assert.throws(() => planTraining(spec, histories, config, 1), /`byCause` needs `task: day-decoder`/);
  });
});

describe('hazards by cause', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  it('are told how long ago their own maintenance will be', async () => {
    const graph = new Graph();
    const input = graph.input('windows', [
      dim('batch', null),
      dim('context', spec.contextSteps),
      dim('feature', width),
    ]);
    const clocks = causeClocks(input, preprocessing);
    assert.ok(clocks);
    graph.output('clocks', clocks);
    const loaded = await engine.load(encodeGraph(graph));
    const said = outputOf(await loaded.run({ windows: { dims, data: stacked.slice() } }), 'clocks');
    await loaded.close();
    assert.deepEqual(said.dims, [spec.horizonSteps, 2, windows.length, 2]);
    let at = 0;
    for (let day = 1; day <= spec.horizonSteps; day++)
      for (const column of causes.columns)
        for (const { rows } of windows)
          for (const scale of causes.scales) {
            const age = rows[rows.length - width + column] as number;
            const wanted = Number.isNaN(age) ? 0 : Math.exp(-(age + day) / scale);
            assert.ok(Math.abs((said.data[at++] as number) - wanted) < 1e-6);
          }
  });

  it('together are the hazard of the machine: it runs on when no cause fails', async () => {
    const graph = new Graph('float64');
    const logits = [-30, -12, -3, 0, 4, -12, -25, 2, -1, 40];
    const cube = graph.input('logits', [dim('cause', 2), dim('batch', 1), dim('horizon', 5)]);
    graph.output('machine', machineLogits(cube));
    const loaded = await engine.load(encodeGraph(graph));
    const said = await loaded.run({ logits: { dims: [2, 1, 5], data: Float64Array.from(logits) } });
    await loaded.close();
    const softplus = (x: number) => Math.log1p(Math.exp(x));
    outputOf(said, 'machine').data.forEach((logit, day) => {
      const wanted = softplus(logits[day] as number) + softplus(logits[day + 5] as number);
      assert.ok(Math.abs(softplus(Number(logit)) / wanted - 1) < 1e-6, `day ${day + 1}`);
    });
  });

  it('have gradients equal to central differences to 1e-7 of the largest', async () => {
    const [stepCount, batchSize, inputs, horizonSteps, causeCount, clockSize] = [4, 3, 2, 3, 2, 2];
    const shape: NetworkShape = {
      ...smallShape(preprocessing, change),
      inputSize: inputs,
      hiddenSize: 2,
      horizonSteps,
      remainingLife: true,
      firstLogits: [-1, -2, -3],
      futureSize: 1,
    };
    const graph = new Graph('float64');
    const batch = dim('batch', batchSize);
    const x = graph.input('x', [dim('time', stepCount), batch, dim('input', inputs)]);
    const clocks = graph.input('clocks', [
      dim('time', horizonSteps),
      dim('cause', causeCount),
      batch,
      dim('clock', clockSize),
    ]);
    const visitAge = graph.input('visitAge', [batch, dim('visit-age', 3)]);
    const options = { dropout: 0.2, remainingLifeWeight: 0.7 };
    const { loss } = buildLoss(graph, shape, x, options, undefined, { visitAge, clocks });
    const rng = new Rng(8);
    const draw = (count: number, value: () => number) => Float64Array.from({ length: count }, value);
    const error = await lossGradientError(engine, graph, loss, {
      x: draw(stepCount * batchSize * inputs, () => rng.normal()),
      clocks: draw(horizonSteps * causeCount * batchSize * clockSize, () => rng.uniform()),
      visitAge: draw(batchSize * 3, () => rng.int(2)),
      future: draw(batchSize * horizonSteps, () => rng.int(2)),
      parameters: draw(parameterCount(networkLayout(shape)), () => 0.5 * rng.normal()),
      dropout: draw(batchSize * dropoutWidth(shape), () => (rng.uniform() < 0.2 ? 0 : 1.25)),
      eventDay: draw(batchSize * causeCount, () => rng.int(horizonSteps + 1)),
      knownDays: draw(batchSize, () => 1 + rng.int(horizonSteps)),
      lifeShare: draw(batchSize, () => rng.uniform()),
      lifeWeight: draw(batchSize, () => 1),
    });
    assert.ok(error < 1e-7, `error ${error}`);
  });

  it('are served as they are trained, and never fall, a window in a batch as alone', async () => {
    const shape = smallShape(preprocessing, change);
    const rng = new Rng(4);
    const parameters = Float32Array.from({ length: parameterCount(networkLayout(shape)) }, () =>
      rng.normal(),
    );
    const validation = await engine.load(buildValidation(shape, preprocessing));
    const flat = () => ({ dims: [parameters.length], data: parameters.slice() });
    const judged = await validation.run({ parameters: flat(), windows: { dims, data: stacked.slice() } });
    await validation.close();
    // All days known and free of failures: the loss is the sum of the softpluses of the machine's logits.
    let wanted = 0;
    for (const logit of outputOf(judged, 'logits').data as Float32Array)
      wanted += Math.log1p(Math.exp(logit)) / windows.length;
    const options = { weightDecay: 0, clipNorm: 1, dropout: 0, remainingLifeWeight: 0 };
    const step = await engine.load(
      buildTrainingStep(shape, preprocessing, { ...options, batchSize: windows.length }),
    );
    const zeros = () => ({ dims: [parameters.length], data: new Float32Array(parameters.length) });
    const result = await step.run({
      parameters: flat(),
      moment1: zeros(),
      moment2: zeros(),
      windows: { dims, data: stacked.slice() },
      eventDay: { dims: [windows.length, 2], data: new Float32Array(windows.length * 2) },
      knownDays: {
        dims: [windows.length, 1],
        data: new Float32Array(windows.length).fill(spec.horizonSteps),
      },
      schedule: { dims: [3], data: adamwSchedule(1, 1e-3) },
    });
    await step.close();
    const loss = outputOf(result, 'hazardLoss').data[0] as number;
    assert.ok(Math.abs(loss - wanted) < 1e-5 * wanted, `${loss} and ${wanted}`);

    const h = spec.horizonSteps;
    const models = [buildForecast(shape, preprocessing, parameters, {})];
    for (const scale of [0.1, 10, 100]) models.push(randomForecast(preprocessing, 7, scale, change));
    for (const model of models) {
      const served = new NetworkPredictor('test', preprocessing.spec, await engine.load(model));
      const together = await served.predict(windows);
      together.forEach((value, index) => {
        assert.ok(value >= 0 && value <= 1);
        if (index % h > 0) assert.ok(value >= (together[index - 1] as number));
      });
      for (const [row, window] of windows.entries())
        assert.deepEqual(
          [...(await served.predict([window]))],
          [...together.subarray(row * h, (row + 1) * h)],
        );
      await served.close();
    }
  });
});
