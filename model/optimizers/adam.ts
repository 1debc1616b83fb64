/**
 * Adam with L2 regularisation (Kingma & Ba 2015, the decay in the gradient, as PyTorch's Adam): AdamW that has no decay of
 * its own, on a gradient that has it. There the decay is divided by the spread of the gradients, too, which is what
 * Loshchilov & Hutter 2019 changed.
 */
import type { Graph, Tensor } from '../graph/graph.js';
import { add } from '../graph/operators/add.js';
import { multiply } from '../graph/operators/multiply.js';
import { type AdamwState, adamw } from './adamw.js';

/** One update; see adamw. */
export function adam(
  graph: Graph,
  state: AdamwState,
  gradient: Tensor,
  schedule: Tensor,
  decay: Tensor,
  weightDecay: number,
): AdamwState {
  const pull = multiply(multiply(state.parameters, decay), graph.scalar(weightDecay));
  return adamw(graph, state, add(gradient, pull), schedule, decay, 0);
}
