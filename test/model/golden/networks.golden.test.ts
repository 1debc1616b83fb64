/**
 * Every cell with every task against PyTorch (make_goldens.py): logits, loss, all gradients, 20 steps of AdamW through
 * the very graph that trains, and the served probabilities through onnxruntime's fused operators.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { FeatureSpec } from '../../../domain/features.js';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import type { CellName } from '../../../model/cells/cell.js';
import type { NormalizationName } from '../../../model/cells/layers.js';
import { buildGradients } from '../../../model/explanation/attribution-graph.js';
import { integrateGradients, pointCount } from '../../../model/explanation/integrated-gradients.js';
import { differentiate } from '../../../model/graph/differentiate.js';
import { dim } from '../../../model/graph/dims.js';
import { encodeGraph } from '../../../model/graph/encode.js';
import { Graph } from '../../../model/graph/graph.js';
import { type NetworkShape, networkLayout } from '../../../model/network.js';
import { buildForecast, buildLoss, buildTrainingStep } from '../../../model/network-graph.js';
import { adamwSchedule } from '../../../model/optimizers/adamw.js';
import { outputOf, type TensorValue } from '../../../model/ports.js';
import { labelsOf, type TaskName } from '../../../model/tasks.js';
import {
  fromTorch,
  type Heads,
  type Named,
  relativeError,
  type TorchValues,
  transposed,
  unchangedPreprocessing,
} from './torch.js';

interface Golden {
  readonly cell: CellName;
  readonly task: TaskName;
  readonly layers: number;
  readonly normalization: NormalizationName;
  readonly lengths: readonly number[];
  readonly x: readonly number[];
  readonly eventDay: readonly number[];
  readonly knownDays: readonly number[];
  readonly lifeShare: readonly number[];
  readonly lifeWeight: readonly number[];
  /** [B, H, K], where the task reads what is known of the days to come. */
  readonly future?: readonly number[];
  readonly before: Named;
  readonly logits: readonly number[];
  readonly failureProbabilities: readonly number[];
  readonly hazardLoss: number;
  readonly loss: number;
  readonly gradients: Named;
  readonly losses: readonly number[];
  readonly after: Named;
}

const [head, ...lines] = readFileSync('test/model/golden/goldens.jsonl', 'utf8').trim().split('\n');
const { sizes, training } = JSON.parse(head as string) as {
  readonly sizes: Readonly<
    Record<'steps' | 'batch' | 'inputs' | 'hidden' | 'days' | 'units' | 'future', number>
  >;
  readonly training: Readonly<Record<'lifeWeight' | 'rate' | 'decay' | 'clip' | 'updates', number>>;
};
const goldens = lines.map((line) => JSON.parse(line) as Golden);

const heads = (values: TorchValues): Heads => ({
  'hazards.weights': () => transposed(values('hazards.weight'), sizes.days),
  'hazards.bias': () => values('hazards.bias'),
  'day-hazards.weights': () => values('score.weight'),
  'day-hazards.bias': () => values('marginal'),
  'day-decoder.row': () => transposed(values('row.weight'), sizes.units),
  'day-decoder.row-bias': () => values('row.bias'),
  'day-decoder.day': () => transposed(values('day.weight'), sizes.units),
  'day-decoder.future': () => transposed(values('future.weight'), sizes.units),
  'day-decoder.second': () => transposed(values('second.weight'), sizes.units),
  'day-decoder.second-bias': () => values('second.bias'),
  'remaining-life.weights': () => values('life.weight'),
  'remaining-life.bias': () => values('life.bias'),
});
const flatten = (golden: Golden, torch: Named, shape: NetworkShape) =>
  fromTorch(golden.cell, sizes.hidden, networkLayout(shape), torch, heads);

const { steps, batch, inputs, hidden, days } = sizes;
const spec: FeatureSpec = {
  machineType: 'golden',
  names: Array.from({ length: inputs }, (_, column) => `s${column}.mean`),
  units: Array.from({ length: inputs }, () => ''),
  settingColumns: [],
  windowSteps: steps,
  contextSteps: steps,
  horizonSteps: days,
};
const unchanged = unchangedPreprocessing(spec);

interface AttributionGolden {
  readonly day: number;
  /** Per series [its steps, inputs]. */
  readonly attributions: readonly (readonly number[])[];
}
/** A day decoder has no explanations. */
const explained = goldens.filter(({ task }) => task !== 'day-decoder');
const attributionGoldens = readFileSync('test/model/golden/attributions.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as AttributionGolden);

describe('networks against PyTorch', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  it('has a golden for every cell and task', () => {
    assert.equal(goldens.length, 18);
    assert.equal(new Set(goldens.map(({ cell, task }) => `${cell} ${task}`)).size, 18);
  });

  for (const golden of goldens) {
    const shape: NetworkShape = {
      cell: golden.cell,
      layers: golden.layers,
      normalization: golden.normalization,
      task: golden.task,
      inputSize: inputs,
      hiddenSize: hidden,
      horizonSteps: days,
      remainingLife: true,
      firstLogits: Array.from({ length: days }, () => 0),
      decoderUnits: sizes.units,
      futureSize: sizes.future,
    };
    const future = (make: (values: readonly number[]) => TensorValue['data']): Record<string, TensorValue> =>
      golden.future ? { future: { dims: [batch, days, sizes.future], data: make(golden.future) } } : {};
    const everyStep = labelsOf(golden.task) === 'every-step';
    const isReal = (row: number) =>
      Math.floor(row / batch) >= steps - (golden.lengths[row % batch] as number);
    /** [B, T, I], NaN before a series begins. */
    const windows = () =>
      Float32Array.from({ length: golden.x.length }, (_, index) => {
        const [b, rest] = [Math.floor(index / (steps * inputs)), index % (steps * inputs)];
        const [t, column] = [Math.floor(rest / inputs), rest % inputs];
        return isReal(t * batch + b) ? (golden.x[(t * batch + b) * inputs + column] as number) : NaN;
      });
    const title = `${golden.cell}, ${golden.task}, ${golden.layers} layer(s), norm ${golden.normalization}`;

    it(`${title}: logits, loss and every gradient to 1e-8 of the largest, in float64`, async () => {
      const graph = new Graph('float64');
      const x = graph.input('x', [dim('time', steps), dim('batch', batch), dim('input', inputs)]);
      const real = everyStep
        ? undefined
        : graph.constant(
            [dim('row', steps * batch), dim('hidden', 1)],
            Array.from({ length: steps * batch }, (_, row) => (isReal(row) ? 1 : 0)),
          );
      const options = { dropout: 0, remainingLifeWeight: training.lifeWeight };
      const built = buildLoss(graph, shape, x, options, real);
      const [gradient] = differentiate(graph, built.loss, [built.parameters] as const);
      graph.output('logits', built.logits);
      graph.output('hazardLoss', built.hazardLoss);
      graph.output('loss', built.loss);
      graph.output('gradient', gradient);
      const loaded = await engine.load(encodeGraph(graph));
      const perRow = (values: readonly number[]) => ({
        dims: [values.length, 1],
        data: Float64Array.from(values),
      });
      const parameters = flatten(golden, golden.before, shape);
      const result = await loaded.run({
        x: { dims: [steps, batch, inputs], data: Float64Array.from(golden.x) },
        ...future((values) => Float64Array.from(values)),
        parameters: { dims: [parameters.length], data: parameters },
        eventDay: perRow(golden.eventDay),
        knownDays: perRow(golden.knownDays),
        lifeShare: perRow(golden.lifeShare),
        lifeWeight: perRow(golden.lifeWeight),
      });
      await loaded.close();
      const said = (name: string) => outputOf(result, name).data as Float64Array;
      assert.ok(relativeError(said('logits'), golden.logits) < 1e-8, 'logits');
      assert.ok(relativeError(said('hazardLoss'), [golden.hazardLoss]) < 1e-8, 'hazard loss');
      assert.ok(relativeError(said('loss'), [golden.loss]) < 1e-8, 'loss');
      const error = relativeError(said('gradient'), flatten(golden, golden.gradients, shape));
      assert.ok(error < 1e-8, `gradients: ${error}`);
    });

    it(`${title}: ${training.updates} steps of AdamW to 1e-5 of the largest, in float32 as trained`, async (t) => {
      const loaded = await engine.load(
        buildTrainingStep(shape, unchanged, {
          batchSize: batch,
          weightDecay: training.decay,
          clipNorm: training.clip,
          dropout: 0,
          remainingLifeWeight: training.lifeWeight,
        }),
      );
      const first = Float32Array.from(flatten(golden, golden.before, shape));
      const zeros = (): TensorValue => ({ dims: [first.length], data: new Float32Array(first.length) });
      const perRow = (values: readonly number[]) => ({
        dims: [values.length, 1],
        data: Float32Array.from(values),
      });
      let state: Record<string, TensorValue> = {
        parameters: { dims: [first.length], data: first },
        moment1: zeros(),
        moment2: zeros(),
      };
      const losses: number[] = [];
      for (let step = 1; step <= training.updates; step++) {
        const result = await loaded.run({
          ...state,
          windows: { dims: [batch, steps, inputs], data: windows() },
          ...future((values) => Float32Array.from(values)),
          eventDay: perRow(golden.eventDay),
          knownDays: perRow(golden.knownDays),
          lifeShare: perRow(golden.lifeShare),
          lifeWeight: perRow(golden.lifeWeight),
          schedule: { dims: [3], data: adamwSchedule(step, training.rate) },
        });
        state = {
          parameters: outputOf(result, 'nextParameters'),
          moment1: outputOf(result, 'nextMoment1'),
          moment2: outputOf(result, 'nextMoment2'),
        };
        losses.push(outputOf(result, 'loss').data[0] as number);
      }
      await loaded.close();
      const ofLosses = relativeError(losses, golden.losses);
      const last = state.parameters?.data as Float32Array;
      const ofParameters = relativeError(last, flatten(golden, golden.after, shape));
      t.diagnostic(`losses ${ofLosses.toExponential(1)}, parameters ${ofParameters.toExponential(1)}`);
      assert.ok(ofLosses < 1e-5, `losses: ${ofLosses}`);
      assert.ok(ofParameters < 1e-5, `parameters: ${ofParameters}`);
    });

    it(`${title}: served by the fused operators to 1e-6`, async () => {
      const parameters = Float32Array.from(flatten(golden, golden.before, shape));
      const loaded = await engine.load(buildForecast(shape, unchanged, parameters, {}));
      const result = await loaded.run({
        windows: { dims: [batch, steps, inputs], data: windows() },
        ...future((values) => Float32Array.from(values)),
      });
      await loaded.close();
      const error = relativeError(
        outputOf(result, 'failureProbabilities').data as Float32Array,
        golden.failureProbabilities,
      );
      assert.ok(error < 1e-6, `error ${error}`);
    });

    if (!explained.includes(golden)) continue;
    it(`${title}: integrated gradients as captum has them, to 1e-5 of the largest`, async () => {
      const { day, attributions } = attributionGoldens[explained.indexOf(golden)] as AttributionGolden;
      const parameters = Float32Array.from(flatten(golden, golden.before, shape));
      const network = { shape, parameters, preprocessing: unchanged };
      const loaded = await engine.load(buildGradients([network], pointCount));
      for (const [b, wanted] of attributions.entries()) {
        const rows = Array.from({ length: steps }, (_, t) => t * batch + b);
        const own = Float32Array.from(
          rows.flatMap((row) =>
            golden.x.slice(row * inputs, (row + 1) * inputs).map((x) => (isReal(row) ? x : 0)),
          ),
        );
        const real = Float32Array.from(rows, (row) => (isReal(row) ? 1 : 0));
        const found = await integrateGradients(
          loaded,
          { inputs: [own], real },
          { day, horizonSteps: days },
          0, // as finely as it goes
        );
        const products = own.map((x, at) => x * (found.gradients[0]?.[at] as number));
        const error = relativeError(products.slice(-wanted.length), wanted);
        assert.ok(error < 1e-5, `series ${b}: ${error}`);
        const sum = products.reduce((before, value) => before + value, 0);
        assert.ok(Math.abs(sum - (found.probability - found.baseline)) < 1e-6, 'complete');
      }
      await loaded.close();
    });
  }
});
