/**
 * Isotonic regression: the non-decreasing function that is nearest to the outcomes (least squares), by pooling adjacent
 * violators; between its thresholds linear, beyond them constant, as scikit-learn has it. Source: Barlow et al. 1972;
 * for calibration Zadrozny & Elkan 2002.
 */

/** Points of a piecewise linear function; `said` ascends strictly, `came` does not descend. At least one. */
export interface Steps {
  readonly said: readonly number[];
  readonly came: readonly number[];
}

/** `failed`: 0 or 1 for each of the forecasts `said`. At least one row. */
export function fitIsotonic(said: ArrayLike<number>, failed: ArrayLike<number>): Steps {
  const order = Array.from({ length: said.length }, (_, row) => row).sort((a, b) => said[a]! - said[b]!);
  // A block is a stretch of one level; equal forecasts are one point from the start.
  const blocks: { first: number; last: number; sum: number; count: number }[] = [];
  for (const row of order) {
    const x = said[row]!;
    const block = blocks.at(-1);
    if (block?.last === x && block.first === x) {
      block.sum += failed[row]!;
      block.count += 1;
    } else blocks.push({ first: x, last: x, sum: failed[row]!, count: 1 });
  }
  const pooled: typeof blocks = [];
  for (let block of blocks) {
    let before = pooled.at(-1);
    while (before && before.sum / before.count >= block.sum / block.count) {
      pooled.pop();
      block = {
        first: before.first,
        last: block.last,
        sum: before.sum + block.sum,
        count: before.count + block.count,
      };
      before = pooled.at(-1);
    }
    pooled.push(block);
  }
  const points = pooled.flatMap(({ first, last, sum, count }) =>
    (first === last ? [first] : [first, last]).map((x) => [x, sum / count] as const),
  );
  return { said: points.map(([x]) => x), came: points.map(([, y]) => y) };
}

export function applyIsotonic({ said, came }: Steps, x: number): number {
  const above = said.findIndex((each) => each > x);
  if (above === 0) return came[0]!;
  if (above === -1) return came.at(-1)!;
  const low = said[above - 1]!;
  const share = (x - low) / (said[above]! - low);
  return came[above - 1]! + share * (came[above]! - came[above - 1]!);
}
