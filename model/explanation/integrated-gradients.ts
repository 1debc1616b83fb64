/** The line integral behind integrated gradients, for the graphs of buildGradients. */
import { type LoadedGraph, outputOf, type TensorValue } from '../ports.js';
import { gradientOf, inputsOf } from './attribution-graph.js';
import { gaussLegendre } from './gauss-legendre.js';

/** Points on the line in one run; its two ends go along without weight. */
const nodeCount = 32;
/** To build the graph with. */
export const pointCount = nodeCount + 2;

/** What a window is to the networks. */
export interface NetworkInputs {
  /** [T, I] of each network, oldest step first. */
  readonly inputs: readonly Float32Array[];
  /** [T] 1 for steps that belong to the history, else 0. */
  readonly real: Float32Array;
}

export interface Integrated {
  /** [T, I] of each network: mean gradient along the line from all zero to the inputs. */
  readonly gradients: readonly Float64Array[];
  /** F at the end of the line, and at its start. */
  readonly probability: number;
  readonly baseline: number;
}

/** Runs of the graph at most: a line with a sharp bend costs some, a smooth one costs one. */
const runsMax = 64;

/**
 * Mean gradient of F_day along the line, by Gauss–Legendre quadrature. On every piece of the line it is known what the
 * gradients must add up to, the difference of F at its ends: a piece that misses that by more than `errorMax` is halved.
 * `graph` is that of buildGradients(networks, pointCount); day in 1..horizonSteps.
 */
export async function integrateGradients(
  graph: LoadedGraph,
  { inputs, real }: NetworkInputs,
  { day, horizonSteps }: { readonly day: number; readonly horizonSteps: number },
  errorMax: number,
): Promise<Integrated> {
  const { nodes, weights } = gaussLegendre(nodeCount);
  const gradients = inputs.map((values) => new Float64Array(values.length));
  const result = { gradients, probability: Number.NaN, baseline: Number.NaN };
  const pieces: (readonly [from: number, to: number])[] = [[0, 1]];
  for (let run = 1, piece = pieces.shift(); piece; run++, piece = pieces.shift()) {
    const [from, to] = piece;
    const length = to - from;
    const shares = [from, ...[...nodes].map((node) => from + node * length), to];
    const outputs = await graph.run({
      ...Object.fromEntries(
        inputs.map((values, index) => [inputsOf(index), along(values, real.length, shares)]),
      ),
      real: column(Array.from(real, (value) => shares.map(() => value)).flat()),
      until: column(Array.from({ length: horizonSteps }, (_, index) => (index < day ? 1 : 0))),
      weights: column([0, ...[...weights].map((weight) => weight * length), 0]),
    });
    const parts = inputs.map((_, index) => outputOf(outputs, gradientOf(index)).data as Float32Array);
    const failed = outputOf(outputs, 'probabilities').data as Float32Array;
    const [before, after] = [failed[0] as number, failed[failed.length - 1] as number];
    const error = sumOfProducts(parts, inputs) - (after - before);
    if (Math.abs(error) > errorMax && run + pieces.length + 2 <= runsMax) {
      const middle = (from + to) / 2;
      pieces.push([from, middle], [middle, to]);
      continue;
    }
    if (from === 0) result.baseline = before;
    if (to === 1) result.probability = after;
    gradients.forEach((total, index) => {
      parts[index]?.forEach((value, at) => {
        total[at]! += value;
      });
    });
  }
  return result;
}

function sumOfProducts(gradients: readonly Float32Array[], inputs: readonly Float32Array[]): number {
  let sum = 0;
  inputs.forEach((values, index) => {
    values.forEach((value, at) => {
      sum += value * (gradients[index]?.[at] as number);
    });
  });
  return sum;
}

/** [T, I] at shares of the way from zero: [T, N, I]. */
function along(values: Float32Array, stepCount: number, shares: readonly number[]): TensorValue {
  const width = values.length / stepCount;
  const data = new Float32Array(values.length * shares.length);
  for (let step = 0; step < stepCount; step++)
    shares.forEach((share, point) => {
      const at = (step * shares.length + point) * width;
      for (let input = 0; input < width; input++) data[at + input] = share * values[step * width + input]!;
    });
  return { dims: [stepCount, shares.length, width], data };
}

function column(values: readonly number[]): TensorValue {
  return { dims: [values.length, 1], data: Float32Array.from(values) };
}
