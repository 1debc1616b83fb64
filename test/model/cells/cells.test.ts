/** Each cell alone and in layers: gradients through time, the fused operators of onnxruntime, carried state, padding. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Rng } from '../../../domain/rng.js';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import { type CellState, cellNames } from '../../../model/cells/cell.js';
import {
  cellCalled,
  fuseLayers,
  type Layers,
  type LayersShape,
  layersLayout,
  layersOf,
  unrollLayers,
} from '../../../model/cells/layers.js';
import { dim, sizeOf } from '../../../model/graph/dims.js';
import { encodeGraph } from '../../../model/graph/encode.js';
import { Graph, type Tensor } from '../../../model/graph/graph.js';
import { add } from '../../../model/graph/operators/add.js';
import { concat } from '../../../model/graph/operators/concat.js';
import { multiply } from '../../../model/graph/operators/multiply.js';
import { reduceSum } from '../../../model/graph/operators/reduce-sum.js';
import { select } from '../../../model/graph/operators/without-gradient.js';
import { parameterCount, unpackParameters } from '../../../model/parameters.js';
import { outputOf } from '../../../model/ports.js';
import { gradientError } from '../gradient-check.js';

const [T, B, I, H] = [5, 3, 3, 4];
const [time, batch, input, hidden] = [dim('time', T), dim('batch', B), dim('input', I), dim('hidden', H)];
/** Series of 5, 2 and no steps, oldest first: what comes before them is padding. */
const lengths = [5, 2, 0];
const realValues = Array.from({ length: T * B }, (_, row) =>
  Math.floor(row / B) >= T - (lengths[row % B] as number) ? 1 : 0,
);

describe('the cells', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());
  const draw = (rng: Rng, count: number) => Float32Array.from({ length: count }, () => rng.normal());

  /** Runs what `build` makes of layers with random weights and of x; gives its outputs by name. */
  async function compute(
    shape: LayersShape,
    build: (graph: Graph, x: Tensor, layers: Layers) => Readonly<Record<string, Tensor>>,
    x: Float32Array,
    steps = T,
  ): Promise<Record<string, Float32Array>> {
    const graph = new Graph();
    const layout = layersLayout('test', shape);
    const flat = graph.constant(
      [dim('parameter', parameterCount(layout))],
      draw(new Rng(9), parameterCount(layout)).map((value) => 0.7 * value),
    );
    const layers = layersOf('test', shape, unpackParameters(flat, layout));
    const tensor = graph.input('x', [dim('time', steps), batch, input]);
    const outputs = build(graph, tensor, layers);
    for (const [name, output] of Object.entries(outputs)) graph.output(name, output);
    const loaded = await engine.load(encodeGraph(graph));
    const result = await loaded.run({ x: { dims: [steps, B, I], data: Float32Array.from(x) } });
    await loaded.close();
    return Object.fromEntries(
      Object.keys(outputs).map((name) => [name, outputOf(result, name).data as Float32Array]),
    );
  }
  const close = (a: Float32Array | undefined, b: Float32Array | undefined, within = 2e-6) => {
    assert.ok(a && b && a.length === b.length && a.length > 0);
    a.forEach((value, index) => {
      assert.ok(Math.abs(value - (b[index] as number)) <= within, `${index}: ${value} and ${b[index]}`);
    });
  };
  const newestFirst = (x: Tensor) =>
    select(
      x,
      'time',
      Array.from({ length: T }, (_, step) => T - 1 - step),
    );

  for (const name of cellNames) {
    const cell = cellCalled(name);
    const variables = () => {
      const dims = cell.dims(input, hidden);
      return {
        x: { dims: [time, batch, input] },
        input: { dims: dims.input },
        recurrent: { dims: dims.recurrent },
        bias: { dims: dims.bias },
      };
    };
    const weightsOf = (tensors: Readonly<Record<string, Tensor>>) => ({
      input: tensors.input as Tensor,
      recurrent: tensors.recurrent as Tensor,
      bias: tensors.bias as Tensor,
    });

    it(`${name}: gradients equal central differences to 1e-7 of the largest`, async () => {
      const error = await gradientError(
        engine,
        variables(),
        (tensors) => cell.unroll(tensors.x as Tensor, weightsOf(tensors)).states,
      );
      assert.ok(error < 1e-7, `error ${error}`);
    });

    it(`${name}: so do those of a start that is given, of what is carried on, and with padding`, async () => {
      const state = { dims: [batch, hidden] };
      const start = name === 'lstm' ? { hidden: state, memory: state } : { hidden: state };
      for (const padded of [false, true]) {
        const error = await gradientError(engine, { ...variables(), ...start }, (tensors, graph) => {
          const { states, memory } = cell.unroll(tensors.x as Tensor, weightsOf(tensors), {
            start: {
              hidden: tensors.hidden as Tensor,
              ...(tensors.memory ? { memory: tensors.memory } : {}),
            },
            real: padded ? graph.constant([dim('row', T * B), dim('hidden', 1)], realValues) : undefined,
          });
          const weigh = (x: Tensor) =>
            reduceSum(multiply(x, graph.constant(x.dims, draw(new Rng(3), sizeOf('test', x.dims)))));
          return memory ? add(weigh(states), weigh(memory)) : weigh(states);
        });
        assert.ok(error < 1e-7, `error ${error}`);
      }
    });

    for (const layers of [1, 3]) {
      const normalization = layers === 3 ? 'layer' : 'none';
      const shape: LayersShape = { cell: name, layers, normalization, inputSize: I, hiddenSize: H };
      const x = draw(new Rng(5), T * B * I);

      it(`${name}, ${layers} layer(s): unrolled, to train, gives what onnxruntime's fused operator gives, with padding too`, async () => {
        for (const padded of [false, true]) {
          const result = await compute(
            shape,
            (graph, tensor, stack) => {
              const real = graph.constant([dim('row', T * B), dim('hidden', 1)], realValues);
              const unrolled = unrollLayers(tensor, stack, { real: padded ? real : undefined });
              const fused = fuseLayers(newestFirst(tensor), stack, {
                order: 'newest-first',
                lengths: graph.constant([batch], padded ? lengths : [T, T, T], 'int32'),
              });
              const ofTop = (states: readonly CellState[]) => states[layers - 1] as CellState;
              const outputs = {
                states: unrolled.states,
                fusedStates: newestFirst(fused.states()),
                last: ofTop(unrolled.last()).hidden,
                fusedLast: ofTop(fused.last()).hidden,
              };
              const [memory, fusedMemory] = [ofTop(unrolled.last()).memory, ofTop(fused.last()).memory];
              return memory && fusedMemory ? { ...outputs, memory, fusedMemory } : outputs;
            },
            x,
          );
          close(result.states, result.fusedStates);
          close(result.last, result.fusedLast);
          if (name === 'lstm') close(result.memory, result.fusedMemory);
          if (padded) assert.ok(result.last?.subarray(2 * H).every((value) => value === 0));
        }
      });

      it(`${name}, ${layers} layer(s): carried step by step, the state is that of the whole sequence`, async () => {
        const result = await compute(
          shape,
          (_graph, tensor, stack) => {
            const whole = fuseLayers(tensor, stack, { order: 'oldest-first' });
            const parts: Tensor[] = [];
            const unrolledParts: Tensor[] = [];
            let start: readonly CellState[] | undefined;
            let unrolledStart: readonly CellState[] | undefined;
            for (let step = 0; step < T; step++) {
              const one = select(tensor, 'time', [step]);
              const fused = fuseLayers(one, stack, { order: 'oldest-first', start });
              const unrolled = unrollLayers(one, stack, { start: unrolledStart });
              start = fused.last();
              unrolledStart = unrolled.last();
              parts.push(fused.states());
              unrolledParts.push(unrolled.states);
            }
            return {
              whole: whole.states(),
              carried: concat(parts, 'time'),
              unrolled: concat(unrolledParts, 'row'),
            };
          },
          x,
        );
        assert.deepEqual(result.carried, result.whole, 'fused, to the bit');
        close(result.unrolled, result.whole);
      });

      it(`${name}, ${layers} layer(s): what is in the padding changes nothing`, async () => {
        const other = x.map((value, index) =>
          realValues[Math.floor(index / I)] === 1 ? value : 100 - value,
        );
        const build = (graph: Graph, tensor: Tensor, stack: Layers) => {
          const real = graph.constant([dim('row', T * B), dim('hidden', 1)], realValues);
          const fused = fuseLayers(newestFirst(tensor), stack, {
            order: 'newest-first',
            lengths: graph.constant([batch], lengths, 'int32'),
          });
          return { states: unrollLayers(tensor, stack, { real }).states, fused: fused.states() };
        };
        const [a, b] = [await compute(shape, build, other), await compute(shape, build, x)];
        close(a.states, b.states, 0);
        close(a.fused, b.fused, 0);
      });
    }
  }
});
