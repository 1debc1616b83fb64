/** Best validation loss so far, by step. */
export interface SeedCurve {
  readonly seed: number;
  /** (step, loss), steps ascending. */
  readonly points: readonly (readonly [number, number])[];
}

/** Before so many trials have finished nothing is broken off. */
const leastFinished = 5;
/** Nor in the first part of a training, where all are bad. */
const firstShare = 0.2;

/** Knows how finished trials went, and so whether one under way is worse than half of them were. */
export class MedianRule {
  readonly #bySeed = new Map<number, SeedCurve['points'][]>();

  /** Of a trial that went to its end. */
  learn(curves: readonly SeedCurve[]): void {
    for (const { seed, points } of curves) {
      const known = this.#bySeed.get(seed);
      if (known) known.push(points);
      else this.#bySeed.set(seed, [points]);
    }
  }

  isPoor(seed: number, step: number, bestLoss: number): boolean {
    const known = this.#bySeed.get(seed) ?? [];
    if (known.length < leastFinished) return false;
    const longest = Math.max(...known.map((points) => points.at(-1)?.[0] ?? 0));
    if (step < firstShare * longest) return false;
    // One that had stopped by then stays at its best.
    const losses = known
      .flatMap((points) => points.findLast(([at]) => at <= step)?.[1] ?? [])
      .sort((a, b) => a - b);
    const middle = losses.length / 2;
    const median = ((losses[Math.ceil(middle) - 1] as number) + (losses[Math.floor(middle)] as number)) / 2;
    return losses.length >= leastFinished && bestLoss > median;
  }
}
