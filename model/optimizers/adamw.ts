/**
 * AdamW on one flat vector. Source: Kingma & Ba 2015 (algorithm 1), with the decoupled weight decay of Loshchilov &
 * Hutter 2019 (algorithm 2, decay scaled by the learning rate as in PyTorch).
 */
import { dim } from '../graph/dims.js';
import type { Graph, Tensor } from '../graph/graph.js';
import { add } from '../graph/operators/add.js';
import { divide } from '../graph/operators/divide.js';
import { multiply } from '../graph/operators/multiply.js';
import { split } from '../graph/operators/split.js';
import { subtract } from '../graph/operators/subtract.js';
import { squareRoot } from '../graph/operators/without-gradient.js';

const beta1 = 0.9;
const beta2 = 0.999;
const epsilon = 1e-8;

export interface AdamwState {
  readonly parameters: Tensor;
  readonly moment1: Tensor;
  readonly moment2: Tensor;
}

/** Values of the input `schedule` for the `stepNumber`-th update, counted from 1. */
export function adamwSchedule(stepNumber: number, learningRate: number): Float32Array {
  return Float32Array.of(learningRate, 1 / (1 - beta1 ** stepNumber), 1 / (1 - beta2 ** stepNumber));
}

export const adamwScheduleDim = dim('schedule', 3);

/** One update. gradient and decay (1 where weights decay) are as long as the parameters. */
export function adamw(
  graph: Graph,
  state: AdamwState,
  gradient: Tensor,
  schedule: Tensor,
  decay: Tensor,
  weightDecay: number,
): AdamwState {
  const single = dim('schedule', 1);
  const [rate, correction1, correction2] = split(schedule, 'schedule', [single, single, single]);
  const moment1 = add(
    multiply(state.moment1, graph.scalar(beta1)),
    multiply(gradient, graph.scalar(1 - beta1)),
  );
  const moment2 = add(
    multiply(state.moment2, graph.scalar(beta2)),
    multiply(multiply(gradient, gradient), graph.scalar(1 - beta2)),
  );
  const scale = add(squareRoot(scaled(moment2, correction2)), graph.scalar(epsilon));
  const step = divide(scaled(moment1, correction1), scale);
  const pull = multiply(multiply(state.parameters, decay), graph.scalar(weightDecay));
  const parameters = subtract(state.parameters, scaled(add(step, pull), rate));
  return { parameters, moment1, moment2 };
}

/** A vector times the one element of another. */
function scaled(vector: Tensor, factor: Tensor): Tensor {
  const single = { ...factor, dims: vector.dims.map(({ name }) => dim(name, 1)) };
  return multiply(vector, single);
}
