/** Gradients against central differences, both computed by the real engine in float64. */
import assert from 'node:assert/strict';
import { Rng } from '../../domain/rng.js';
import type { OnnxEngine } from '../../infra/onnx/engine.js';
import { differentiate } from '../../model/graph/differentiate.js';
import { type Dims, sizeOf } from '../../model/graph/dims.js';
import { encodeGraph } from '../../model/graph/encode.js';
import { Graph, type Tensor } from '../../model/graph/graph.js';
import { multiply } from '../../model/graph/operators/multiply.js';
import { reduceSum } from '../../model/graph/operators/reduce-sum.js';
import type { TensorValue } from '../../model/ports.js';

export interface Variable {
  readonly dims: Dims;
  /** Default: normal draws. */
  readonly values?: (rng: Rng) => number;
}

const differenceStep = 1e-5;

/**
 * Builds f(variables), makes a scalar of it by random weights (so that no direction cancels), and compares the
 * gradient of each variable. Returns the greatest error over the greatest gradient.
 */
export async function gradientError(
  engine: OnnxEngine,
  variables: Readonly<Record<string, Variable>>,
  build: (tensors: Readonly<Record<string, Tensor>>, graph: Graph) => Tensor,
  seed = 1,
): Promise<number> {
  const rng = new Rng(seed);
  const graph = new Graph('float64');
  const names = Object.keys(variables);
  const tensors: Record<string, Tensor> = {};
  const points: Record<string, Float64Array> = {};
  for (const name of names) {
    const { dims, values = (each: Rng) => each.normal() } = variables[name] as Variable;
    tensors[name] = graph.input(name, dims, { tracked: true });
    points[name] = Float64Array.from({ length: sizeOf('test', dims) }, () => values(rng));
  }
  const result = build(tensors, graph);
  const weights = Float64Array.from({ length: sizeOf('test', result.dims) }, () => rng.normal());
  const loss = reduceSum(multiply(result, graph.constant(result.dims, weights)));
  return lossGradientError(engine, graph, loss, points);
}

/** The same for a graph that has its loss; all of its inputs have a point, those that are tracked are compared. */
export async function lossGradientError(
  engine: OnnxEngine,
  graph: Graph,
  loss: Tensor,
  points: Readonly<Record<string, Float64Array>>,
): Promise<number> {
  const tracked = graph.inputs.filter((input) => input.tracked);
  const gradients = differentiate(graph, loss, tracked);
  graph.output('loss', loss);
  gradients.forEach((gradient, index) => {
    graph.output(`gradient_${tracked[index]?.name}`, gradient);
  });
  const loaded = await engine.load(encodeGraph(graph));
  const feeds = (at: Readonly<Record<string, Float64Array>>) => {
    const values: Record<string, TensorValue> = {};
    for (const { name, dims } of graph.inputs)
      values[name] = {
        dims: dims.map(({ size }) => size as number),
        data: Float64Array.from(at[name] as Float64Array),
      };
    return values;
  };
  const lossAt = async (at: Readonly<Record<string, Float64Array>>) =>
    (await loaded.run(feeds(at))).loss?.data[0] as number;

  const said = await loaded.run(feeds(points));
  let errorMax = 0;
  let gradientMax = 0;
  for (const { name } of tracked) {
    const point = points[name] as Float64Array;
    for (let index = 0; index < point.length; index++) {
      const shifted = (by: number) => {
        const moved = Float64Array.from(point);
        moved[index] = (moved[index] as number) + by;
        return { ...points, [name]: moved };
      };
      const difference =
        ((await lossAt(shifted(differenceStep))) - (await lossAt(shifted(-differenceStep)))) /
        (2 * differenceStep);
      const gradient = said[`gradient_${name}`]?.data[index] as number;
      errorMax = Math.max(errorMax, Math.abs(gradient - difference));
      gradientMax = Math.max(gradientMax, Math.abs(difference));
    }
  }
  await loaded.close();
  assert.ok(gradientMax > 0, 'the function depends on its variables');
  return errorMax / gradientMax;
}
