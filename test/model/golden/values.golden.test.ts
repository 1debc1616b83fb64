/**
 * Value networks against PyTorch (make_value_goldens.py): loss, all gradients, 20 steps of AdamW through the very graph
 * that trains, and the served quantiles through onnxruntime's fused operators.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { FeatureSpec } from '../../../domain/features.js';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import type { CellName } from '../../../model/cells/cell.js';
import type { NormalizationName } from '../../../model/cells/layers.js';
import { differentiate } from '../../../model/graph/differentiate.js';
import { dim } from '../../../model/graph/dims.js';
import { encodeGraph } from '../../../model/graph/encode.js';
import { Graph } from '../../../model/graph/graph.js';
import { adamwSchedule } from '../../../model/optimizers/adamw.js';
import { outputOf, type TensorValue } from '../../../model/ports.js';
import {
  buildValueForecast,
  buildValueLoss,
  buildValueTrainingStep,
  labelledSteps,
} from '../../../model/values/value-graph.js';
import { type ValueShape, valueLayout } from '../../../model/values/value-network.js';
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
  readonly layers: number;
  readonly normalization: NormalizationName;
  readonly lengths: readonly number[];
  readonly x: readonly number[];
  readonly actual: readonly number[];
  readonly known: readonly number[];
  readonly before: Named;
  readonly newest: Readonly<Record<'low' | 'median' | 'high', readonly number[]>>;
  readonly loss: number;
  readonly gradients: Named;
  readonly losses: readonly number[];
  readonly after: Named;
}

const [head, ...lines] = readFileSync('test/model/golden/value-goldens.jsonl', 'utf8').trim().split('\n');
const { sizes, training } = JSON.parse(head as string) as {
  readonly sizes: Readonly<Record<'steps' | 'batch' | 'inputs' | 'hidden' | 'sensors' | 'ahead', number>>;
  readonly training: Readonly<Record<'rate' | 'decay' | 'clip' | 'updates', number>>;
};
const goldens = lines.map((line) => JSON.parse(line) as Golden);
const { steps, batch, inputs, hidden, sensors, ahead } = sizes;

const heads = (values: TorchValues): Heads => ({
  'quantiles.weights': () => transposed(values('quantiles.weight'), 3 * sensors * ahead),
  'quantiles.skip': () => transposed(values('skip.weight'), 3 * sensors * ahead),
  'quantiles.bias': () => values('quantiles.bias'),
});
const spec: FeatureSpec = {
  machineType: 'golden',
  names: Array.from({ length: inputs }, (_, column) => `s${column}.mean`),
  units: Array.from({ length: inputs }, () => ''),
  settingColumns: [],
  windowSteps: steps,
  contextSteps: steps,
  horizonSteps: ahead,
};
const unchanged = unchangedPreprocessing(spec);

describe('value networks against PyTorch', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  it('has a golden for every cell, with one layer and with two', () => {
    assert.equal(new Set(goldens.map(({ cell, layers }) => `${cell} ${layers}`)).size, 6);
  });

  for (const golden of goldens) {
    const shape: ValueShape = {
      cell: golden.cell,
      layers: golden.layers,
      normalization: golden.normalization,
      inputSize: inputs,
      hiddenSize: hidden,
      sensorCount: sensors,
      horizonSteps: ahead,
    };
    const flatten = (torch: Named) => fromTorch(golden.cell, hidden, valueLayout(shape), torch, heads);
    const isReal = (row: number) =>
      Math.floor(row / batch) >= steps - (golden.lengths[row % batch] as number);
    /** [B, T, I], NaN before a series begins. */
    const windows = () =>
      Float32Array.from({ length: golden.x.length }, (_, index) => {
        const [b, rest] = [Math.floor(index / (steps * inputs)), index % (steps * inputs)];
        const [t, column] = [Math.floor(rest / inputs), rest % inputs];
        return isReal(t * batch + b) ? (golden.x[(t * batch + b) * inputs + column] as number) : NaN;
      });
    const labelDims = [steps * batch, sensors * ahead];
    const title = `${golden.cell}, ${golden.layers} layer(s), norm ${golden.normalization}`;

    it(`${title}: loss and every gradient to 1e-8 of the largest, in float64`, async () => {
      const graph = new Graph('float64');
      const x = graph.input('x', [dim('time', steps), dim('batch', batch), dim('input', inputs)]);
      const real = graph.constant(
        [dim('row', steps * batch), dim('hidden', 1)],
        Array.from({ length: steps * batch }, (_, row) => (isReal(row) ? 1 : 0)),
      );
      const built = buildValueLoss(graph, shape, x, { dropout: 0, labelled: labelledSteps(steps, 1), real });
      const [gradient] = differentiate(graph, built.loss, [built.parameters] as const);
      graph.output('loss', built.loss);
      graph.output('gradient', gradient);
      const loaded = await engine.load(encodeGraph(graph));
      const parameters = flatten(golden.before);
      const result = await loaded.run({
        x: { dims: [steps, batch, inputs], data: Float64Array.from(golden.x) },
        parameters: { dims: [parameters.length], data: parameters },
        actual: { dims: labelDims, data: Float64Array.from(golden.actual) },
        known: { dims: labelDims, data: Float64Array.from(golden.known) },
      });
      await loaded.close();
      const said = (name: string) => outputOf(result, name).data as Float64Array;
      assert.ok(relativeError(said('loss'), [golden.loss]) < 1e-8, 'loss');
      const error = relativeError(said('gradient'), flatten(golden.gradients));
      assert.ok(error < 1e-8, `gradients: ${error}`);
    });

    it(`${title}: ${training.updates} steps of AdamW to 1e-5 of the largest, in float32 as trained`, async (t) => {
      const loaded = await engine.load(
        buildValueTrainingStep(
          shape,
          unchanged,
          {
            batchSize: batch,
            weightDecay: training.decay,
            clipNorm: training.clip,
            dropout: 0,
          },
          labelledSteps(steps, 1),
        ),
      );
      const first = Float32Array.from(flatten(golden.before));
      const zeros = (): TensorValue => ({ dims: [first.length], data: new Float32Array(first.length) });
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
          actual: { dims: labelDims, data: Float32Array.from(golden.actual) },
          known: { dims: labelDims, data: Float32Array.from(golden.known) },
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
      const ofParameters = relativeError(state.parameters?.data as Float32Array, flatten(golden.after));
      t.diagnostic(`losses ${ofLosses.toExponential(1)}, parameters ${ofParameters.toExponential(1)}`);
      assert.ok(ofLosses < 1e-5, `losses: ${ofLosses}`);
      assert.ok(ofParameters < 1e-5, `parameters: ${ofParameters}`);
    });

    it(`${title}: served by the fused operators to 1e-6`, async () => {
      const parameters = Float32Array.from(flatten(golden.before));
      const columns = Array.from({ length: sensors }, (_, column) => column);
      const loaded = await engine.load(buildValueForecast(shape, unchanged, columns, parameters, {}));
      const result = await loaded.run({ windows: { dims: [batch, steps, inputs], data: windows() } });
      await loaded.close();
      for (const name of ['low', 'median', 'high'] as const) {
        const error = relativeError(outputOf(result, name).data as Float32Array, golden.newest[name]);
        assert.ok(error < 1e-6, `${name}: ${error}`);
      }
    });
  }
});
