/**
 * What the gates of a network do over a window, unit by unit and step by step. A gate that is shut or open at every step is
 * saturated: nothing that the window holds moves it, and next to no gradient reaches what is behind it. Below .1 counts as
 * shut and above .9 as open, as in Karpathy, Johnson & Fei-Fei 2016.
 */
import type { FeatureWindow } from '../../domain/features.js';
import type { CellName, CellWeights } from '../cells/cell.js';
import { type Dim, dim, fixedSize } from '../graph/dims.js';
import { encodeGraph } from '../graph/encode.js';
import { Graph, type Tensor } from '../graph/graph.js';
import { add } from '../graph/operators/add.js';
import { affine } from '../graph/operators/affine.js';
import { concat } from '../graph/operators/concat.js';
import { layerNorm } from '../graph/operators/layer-norm.js';
import { multiply } from '../graph/operators/multiply.js';
import { reshape } from '../graph/operators/reshape.js';
import { sigmoid } from '../graph/operators/sigmoid.js';
import { split } from '../graph/operators/split.js';
import { tanh } from '../graph/operators/tanh.js';
import { encoderOf, networkLayout } from '../network.js';
import { unpackParameters } from '../parameters.js';
import { type Engine, outputOf } from '../ports.js';
import { preprocess, realSteps, windowDims } from '../preprocessing-graph.js';
import type { StoredNetwork } from './stored-networks.js';

export interface GateValues {
  /** Recurrent layer, lowest 0. */
  readonly layer: number;
  /** `input`, `forget`, `output`, `update` or `reset`: in (0, 1); `candidate` and `state`: in (−1, 1). */
  readonly name: string;
  readonly range: 'unit' | 'signed';
  /** [T, H] row-major, oldest step first: the steps that belong to the history. */
  readonly values: Float32Array;
  readonly unitCount: number;
  /** Units that are shut (below .1) at every step; of a signed value: below −.9. */
  readonly shutUnits: readonly number[];
  /** Units that are open (above .9) at every step. */
  readonly openUnits: readonly number[];
}

const ranges: Readonly<Record<string, GateValues['range']>> = { candidate: 'signed', state: 'signed' };
const gateNames: Readonly<Record<CellName, readonly string[]>> = {
  lstm: ['input', 'forget', 'output', 'candidate', 'state'],
  gru: ['update', 'reset', 'candidate', 'state'],
  rnn: ['state'],
};

/** The gates of the encoder's layers, lowest first. */
export async function readGates(
  network: StoredNetwork,
  { rows }: FeatureWindow,
  engine: Engine,
): Promise<GateValues[]> {
  const { shape, preprocessing } = network;
  const { contextSteps, names, windowSteps } = preprocessing.spec;
  const graph = await engine.load(buildGates(network));
  try {
    const windows = { dims: [1, contextSteps, names.length], data: Float32Array.from(rows) };
    const outputs = await graph.run({ windows });
    const real = outputOf(outputs, 'real').data as Float32Array;
    const firstReal = real.indexOf(1) < 0 ? windowSteps : real.indexOf(1);
    return Array.from({ length: shape.layers }, (_, layer) =>
      gateNames[shape.cell].map((name): GateValues => {
        const all = outputOf(outputs, outputName(layer, name)).data as Float32Array;
        const values = all.slice(firstReal * shape.hiddenSize);
        const range = ranges[name] ?? 'unit';
        const always = (fits: (value: number) => boolean) => unitsThat(values, shape.hiddenSize, fits);
        return {
          layer,
          name,
          range,
          values,
          unitCount: shape.hiddenSize,
          shutUnits: always((value) => value < (range === 'unit' ? 0.1 : -0.9)),
          openUnits: always((value) => value > 0.9),
        };
      }),
    ).flat();
  } finally {
    await graph.close();
  }
}

function unitsThat(values: Float32Array, unitCount: number, fits: (value: number) => boolean): number[] {
  return Array.from({ length: unitCount }, (_, unit) => unit).filter((unit) => {
    for (let at = unit; at < values.length; at += unitCount) if (!fits(values[at] as number)) return false;
    return values.length > 0;
  });
}

const outputName = (layer: number, gate: string) => `${gate}${layer}`;

/** Input `windows` [1, C, F]; outputs `real` [T, 1], and per layer its states and gates, each [T, H]. */
function buildGates({ shape, parameters, preprocessing }: StoredNetwork): Uint8Array {
  const graph = new Graph();
  const batch = dim('batch', 1);
  const windows = graph.input('windows', windowDims(preprocessing.spec, batch));
  const constants = graph.constant([dim('parameter', parameters.length)], parameters);
  const { cell, weights } = encoderOf(shape, unpackParameters(constants, networkLayout(shape)));
  const real = realSteps(windows, preprocessing.spec);
  graph.output('real', real);
  let input = preprocess(windows, preprocessing, 'oldest-first');
  weights.forEach((each, layer) => {
    const { states } = cell.unroll(input, each, { real });
    graph.output(outputName(layer, 'state'), states);
    for (const [name, gate] of Object.entries(gatesOf(cell.name, input, before(states), each)))
      graph.output(outputName(layer, name), gate);
    const read = each.norm ? layerNorm(states, each.norm.gain, each.norm.bias) : states;
    const steps = dim('time', preprocessing.spec.windowSteps);
    input = reshape(read, [steps, batch, dim('input', shape.hiddenSize)]);
  });
  return encodeGraph(graph);
}

/** The states that each step started from: zero, and all but the last. */
function before(states: Tensor): Tensor {
  const [row, hidden] = states.dims as readonly [Dim, Dim];
  const one = dim('row', 1);
  const zero = states.graph.constant([one, hidden], new Float32Array(fixedSize('before', hidden)));
  const count = fixedSize('before', row);
  if (count === 1) return { ...zero, dims: states.dims };
  const [first] = split(states, 'row', [dim('row', count - 1), one]);
  return concat([zero, first], 'row');
}

/** All gates of all steps at once, from the states before them; the formulas are those of cells/. */
function gatesOf(
  cell: CellName,
  x: Tensor,
  stateBefore: Tensor,
  { input, recurrent, bias }: CellWeights,
): Readonly<Record<string, Tensor>> {
  const [row, hidden] = stateBefore.dims as readonly [Dim, Dim];
  const flat = reshape(x, [row, input.dims[0] as Dim]);
  const size = fixedSize('gates', hidden);
  switch (cell) {
    case 'lstm': {
      const sum = affine(stateBefore, recurrent, affine(flat, input, bias));
      const [i, o, f, g] = split(sum, 'gates', [hidden, hidden, hidden, hidden]);
      return { input: sigmoid(i), output: sigmoid(o), forget: sigmoid(f), candidate: tanh(g) };
    }
    case 'gru': {
      const [ofInput, ofState] = split(bias, 'biases', [dim('gates', 3 * size), hidden]);
      const projected = affine(flat, input, ofInput);
      const [az, ar, an] = split(projected, 'gates', [hidden, hidden, hidden]);
      const [uz, ur, un] = split(affine(stateBefore, recurrent), 'gates', [hidden, hidden, hidden]);
      const reset = sigmoid(add(ar, ur));
      return {
        update: sigmoid(add(az, uz)),
        reset,
        candidate: tanh(add(an, multiply(reset, add(un, ofState)))),
      };
    }
    case 'rnn':
      return {};
  }
}
