/**
 * Hazards by cause: a machine fails on a day when any of its parts does. Each cause has a hazard of its own, and what is known
 * of each is known of all of them up to the first failure: h_k = 1 − Π_c (1 − h_kc).
 *
 * Source: cause-specific hazards of discrete-time competing risks, Tutz & Schmid 2016, chapter 8; here several causes can
 * meet on one day, so each is a binary outcome.
 */
import { cubeDims, dim, dimOf, fixedSize } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { multiply } from '../graph/operators/multiply.js';
import { reshape } from '../graph/operators/reshape.js';
import { softplus } from '../graph/operators/softplus.js';
import { transpose } from '../graph/operators/transpose.js';
import { logExpMinusOne, select, total } from '../graph/operators/without-gradient.js';
import { padDays, survivalLoss } from './hazards.js';

/**
 * Sum over the causes of survivalLoss. logits [K, B, H]; eventDay [B, K]: the day on which the cause fails, 1..H, or 0;
 * knownDays [B, 1]: up to the first failure of any cause.
 */
export function causesLoss(logits: Tensor, eventDay: Tensor, knownDays: Tensor): Tensor {
  const { graph } = logits;
  const [cause, batch, horizon] = cubeDims('causesLoss', 'logits', logits.dims);
  const count = fixedSize('causesLoss', cause);
  const row = dim('row', count * fixedSize('causesLoss', batch));
  const day = dimOf('causesLoss', knownDays.dims, 'day');
  const each = graph.constant([cause, dim(batch.name, 1), day], new Float64Array(count).fill(1));
  const perRow = (x: Tensor) => reshape(x, [row, day]);
  const mean = survivalLoss(
    reshape(logits, [row, horizon]),
    perRow(transpose(eventDay, [cause.name, batch.name])),
    perRow(multiply(each, knownDays)),
  );
  return multiply(mean, graph.scalar(count));
}

/** logits [K, B, H] of the causes → [B, H] of the machine; without a gradient. */
export function machineLogits(logits: Tensor): Tensor {
  const horizon = dimOf('machineLogits', logits.dims, 'horizon');
  const days = Array.from({ length: fixedSize('machineLogits', horizon) }, (_, day) => day);
  // 1 − h = e^−softplus(logit), so the softplus of the causes add up to the machine's.
  const both = logExpMinusOne(total(softplus(padDays(logits)), 'cause'));
  return select(both, horizon.name, days);
}
