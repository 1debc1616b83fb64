/**
 * The second half of an encoder–decoder: recurrent layers that start where the encoder ended and run over the days of
 * the horizon, with weights shared over the days. Inputs of day k of H: k / H and 1 / k (tomorrow stands out, far days
 * resemble each other); in the recursive form also how far the day before stood above its marginal hazard, in logits.
 * There is nothing to force on it while it trains: of a machine that is still alive all outcomes before day k are
 * "alive". So it sees its own outputs in training as in serving, and gradients pass through them.
 */

import type { CellState } from './cells/cell.js';
import { type Dim, dim } from './graph/dims.js';
import type { Graph, Tensor } from './graph/graph.js';
import { concat } from './graph/operators/concat.js';
import { reshape } from './graph/operators/reshape.js';
import { split } from './graph/operators/split.js';
import { dayLogits, dayScore, daysTogether } from './heads/day-hazards.js';

/** Inputs of a day, without the output of the day before. */
const dayInputCount = 2;

export function decoderInputSize(recursive: boolean): number {
  return dayInputCount + (recursive ? 1 : 0);
}

/** Runs recurrent layers on x [K, B, I] from `start`: all hidden states [K, B, H], and what is carried on. */
export type RunLayers = (
  x: Tensor,
  start: readonly CellState[],
) => { readonly states: Tensor; readonly last: () => readonly CellState[] };

/** start → logits [B, H] of the days of the horizon. `head` holds the parameters of heads/day-hazards.ts. */
export function decode(
  run: RunLayers,
  start: readonly CellState[],
  head: ReadonlyMap<string, Tensor>,
  horizonSteps: number,
  recursive: boolean,
): Tensor {
  const [{ hidden }] = start as readonly [CellState];
  const batch = hidden.dims[0] as Dim;
  const days = dayInputs(hidden, horizonSteps);
  if (!recursive) return dayLogits(run(days, start).states, head);
  const one = dim('time', 1);
  const scores: Tensor[] = [];
  let state = start;
  let before: Tensor = zeroPerRow(hidden);
  for (const day of split(
    days,
    'time',
    Array.from({ length: horizonSteps }, () => one),
  )) {
    const fed = reshape(before, [one, batch, dim('input', 1)]);
    const ran = run(concat([day, fed], 'input'), state);
    before = dayScore(ran.states, head);
    scores.push(before);
    state = ran.last();
  }
  return daysTogether(scores, head);
}

/** [K, B, 2] for the batch of `like` [B, ·]. */
function dayInputs(like: Tensor, horizonSteps: number): Tensor {
  const values = Array.from({ length: horizonSteps }, (_, index) => [
    (index + 1) / horizonSteps,
    1 / (index + 1),
  ]);
  return perRow(
    like,
    [dim('time', horizonSteps), dim('batch', 1), dim('input', dayInputCount)],
    values.flat(),
  );
}

function zeroPerRow(like: Tensor): Tensor {
  const repeated = perRow(like, [dim('time', 1), dim('batch', 1), dim('horizon', 1)], [0]);
  return reshape(repeated, [like.dims[0] as Dim, dim('horizon', 1)]);
}

/** A constant [K, 1, D], the same for every row of the batch, of which the size may be known only at run time. */
function perRow(like: Tensor, dims: readonly [Dim, Dim, Dim], values: readonly number[]): Tensor {
  const { graph } = like;
  const [time, , input] = dims;
  const batch = like.dims[0] as Dim;
  return graph.emitOne(
    'Expand',
    [graph.constant(dims, values), sizes(graph, like, time, input)],
    [time, batch, input],
  );
}

/** [K, size of the first dimension of `like`, D] as a list that the engine reads. */
function sizes(graph: Graph, like: Tensor, time: Dim, input: Dim): Tensor {
  const batch = like.dims[0] as Dim;
  if (batch.size !== null) return graph.integers([time.size as number, batch.size, input.size as number]);
  const list = (size: number) => [dim('list', size)];
  const rows = graph.emitOne('Shape', [like], list(1), { start: { int: 0 }, end: { int: 1 } }, 'int64');
  return graph.emitOne(
    'Concat',
    [graph.integers([time.size as number]), rows, graph.integers([input.size as number])],
    list(3),
    { axis: { int: 0 } },
    'int64',
  );
}
