/** Properties of the loss and of the training step that hold for any data. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { differentiate } from '../../model/graph/differentiate.js';
import { dim } from '../../model/graph/dims.js';
import { encodeGraph } from '../../model/graph/encode.js';
import { Graph } from '../../model/graph/graph.js';
import { survivalLoss } from '../../model/heads/hazards.js';
import { describeNetwork, type NetworkShape, networkLayout } from '../../model/network.js';
import { buildLoss, buildTrainingStep } from '../../model/network-graph.js';
import { adamwSchedule } from '../../model/optimizers/adamw.js';
import { initializeParameters } from '../../model/parameters.js';
import { outputOf, type TensorValue } from '../../model/ports.js';
import { labelsOf } from '../../model/tasks.js';
import { DenseBatchSource, OriginBatchSource } from '../../model/windows.js';
import { everyNetwork, smallHistories, smallPreprocessing, smallShape, smallSpec } from './fixtures.js';

const histories = smallHistories(12);
const preprocessing = smallPreprocessing(histories);

describe('the survival loss', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  it('learns nothing else from one more day that is known to be free of failure', async () => {
    const [rows, days] = [4, 6];
    const graph = new Graph('float64');
    const logits = graph.input('logits', [dim('row', rows), dim('horizon', days)], { tracked: true });
    const column = [dim('row', rows), dim('day', 1)];
    const loss = survivalLoss(logits, graph.input('eventDay', column), graph.input('knownDays', column));
    const [gradient] = differentiate(graph, loss, [logits] as const);
    graph.output('loss', loss);
    graph.output('gradient', gradient);
    const loaded = await engine.load(encodeGraph(graph));
    const judge = async (
      at: readonly number[],
      eventDay: readonly number[],
      knownDays: readonly number[],
    ) => {
      const per = (values: readonly number[]) => ({ dims: [rows, 1], data: Float64Array.from(values) });
      const result = await loaded.run({
        logits: { dims: [rows, days], data: Float64Array.from(at) },
        eventDay: per(eventDay),
        knownDays: per(knownDays),
      });
      return {
        loss: outputOf(result, 'loss').data[0] as number,
        gradient: outputOf(result, 'gradient').data as Float64Array,
      };
    };
    const row = fc.record({
      logits: fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: days, maxLength: days }),
      failsOn: fc.integer({ min: 0, max: days }),
      known: fc.integer({ min: 1, max: days }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: rows, maxLength: rows }),
        fc.integer({ min: 1, max: days - 1 }),
        async (drawn, censoredAt) => {
          const at = drawn.flatMap((each) => each.logits);
          const eventDay = drawn.map(({ failsOn }, index) => (index === 0 ? 0 : failsOn));
          const known = drawn.map((each, index) =>
            index === 0
              ? censoredAt
              : (eventDay[index] as number) > 0
                ? (eventDay[index] as number)
                : each.known,
          );
          const before = await judge(at, eventDay, known);
          const later = await judge(at, eventDay, [censoredAt + 1, ...known.slice(1)]);
          later.gradient.forEach((value, cell) => {
            if (cell !== censoredAt) assert.equal(value, before.gradient[cell]);
            else assert.ok(value > 0 && before.gradient[cell] === 0, 'the hazard of that day is pushed down');
          });
          // And the loss grows by just that day's part.
          const added = Math.log1p(Math.exp(at[censoredAt] as number)) / rows;
          assert.ok(Math.abs(later.loss - before.loss - added) < 1e-12);
        },
      ),
      { numRuns: 100 },
    );
    await loaded.close();
  });
});

describe('the training step', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  for (const network of everyNetwork.filter(({ layers }) => layers === 2))
    it(`of ${describeNetwork(smallShape(preprocessing, network))} does not depend on the order of its windows`, async () => {
      const batchSize = 8;
      const shape = smallShape(preprocessing, { ...network, remainingLife: true });
      const everyStep = labelsOf(network.task) === 'every-step';
      const Source = everyStep ? DenseBatchSource : OriginBatchSource;
      const batch = new Source(smallSpec, histories, 20, new Rng(3)).draw(batchSize);
      const loaded = await engine.load(
        buildTrainingStep(shape, preprocessing, {
          batchSize,
          weightDecay: 0,
          clipNorm: 1e9,
          dropout: 0,
          remainingLifeWeight: 1,
        }),
      );
      const parameters = initializeParameters(networkLayout(shape), new Rng(2));
      const step = async (order: readonly number[]) => {
        const shuffled = (values: Float32Array, groups: number): TensorValue['data'] => {
          // [groups, B, rest]: the B blocks of every group in another order.
          const block = values.length / groups / batchSize;
          return Float32Array.from({ length: values.length }, (_, index) => {
            const [group, rest] = [Math.floor(index / (block * batchSize)), index % (block * batchSize)];
            const from = order[Math.floor(rest / block)] as number;
            return values[(group * batchSize + from) * block + (rest % block)] as number;
          });
        };
        const perRow = (values: Float32Array) => ({
          dims: [values.length, 1],
          data: shuffled(values, everyStep ? smallSpec.windowSteps : 1),
        });
        const zeros = () => ({ dims: [parameters.length], data: new Float32Array(parameters.length) });
        const result = await loaded.run({
          parameters: { dims: [parameters.length], data: Float32Array.from(parameters) },
          moment1: zeros(),
          moment2: zeros(),
          windows: {
            dims: [batchSize, smallSpec.contextSteps, smallSpec.names.length],
            data: shuffled(batch.windows, 1),
          },
          eventDay: perRow(batch.eventDay),
          knownDays: perRow(batch.knownDays),
          lifeShare: perRow(batch.lifeShare),
          lifeWeight: perRow(batch.lifeWeight),
          schedule: { dims: [3], data: adamwSchedule(1, 1e-3) },
        });
        return {
          loss: outputOf(result, 'loss').data[0] as number,
          // Without clipping the first moment is a tenth of the gradient.
          gradient: outputOf(result, 'nextMoment1').data as Float32Array,
        };
      };
      const inOrder = Array.from({ length: batchSize }, (_, index) => index);
      const [a, b] = [await step(inOrder), await step(new Rng(5).shuffle([...inOrder]))];
      assert.ok(Math.abs(a.loss - b.loss) <= 1e-6 * a.loss, `${a.loss} and ${b.loss}`);
      const size = Math.max(...a.gradient.map(Math.abs));
      a.gradient.forEach((value, index) => {
        assert.ok(Math.abs(value - (b.gradient[index] as number)) < 2e-6 * size);
      });
      await loaded.close();
    });

  it('forecasts from what lies before a step only: later steps change none of its hazards', async () => {
    const [steps, batch, inputs] = [6, 2, 3];
    for (const cell of ['lstm', 'gru', 'rnn'] as const) {
      const shape: NetworkShape = {
        ...smallShape(preprocessing, { cell, layers: 2 }),
        inputSize: inputs,
        hiddenSize: 4,
      };
      const graph = new Graph();
      const x = graph.input('x', [dim('time', steps), dim('batch', batch), dim('input', inputs)]);
      const { logits } = buildLoss(graph, shape, x, { dropout: 0, remainingLifeWeight: 0 });
      graph.output('logits', logits);
      const loaded = await engine.load(encodeGraph(graph));
      const parameters = initializeParameters(networkLayout(shape), new Rng(2));
      const rng = new Rng(6);
      const past = Float32Array.from({ length: steps * batch * inputs }, () => rng.normal());
      const run = async (data: Float32Array) => {
        const unused = () => ({ dims: [steps * batch, 1], data: new Float32Array(steps * batch) });
        const result = await loaded.run({
          x: { dims: [steps, batch, inputs], data: Float32Array.from(data) },
          parameters: { dims: [parameters.length], data: Float32Array.from(parameters) },
          eventDay: unused(),
          knownDays: unused(),
        });
        return outputOf(result, 'logits').data as Float32Array;
      };
      const wanted = await run(past);
      for (let from = 1; from < steps; from++) {
        const other = past.map((value, index) => (index < from * batch * inputs ? value : 5 * rng.normal()));
        const got = await run(other);
        const known = from * batch * shape.horizonSteps;
        assert.deepEqual(got.subarray(0, known), wanted.subarray(0, known));
        assert.notDeepEqual(got.subarray(known), wanted.subarray(known));
      }
      await loaded.close();
    }
  });
});
