/** Cuts training batches and validation windows out of histories, with their labels. */
import type { FeatureSpec, History } from '../domain/features.js';
import type { Rng } from '../domain/rng.js';

/** A row of a history: the newest step of a window. */
export interface Origin {
  readonly history: History;
  readonly step: number;
}

/** Every row whose future is known for at least one day. */
export function originsOf(histories: readonly History[]): Origin[] {
  return histories.flatMap((history) =>
    Array.from({ length: history.stepCount }, (_, step) => ({ history, step })).filter(
      ({ step }) => history.knownDays[step]! > 0,
    ),
  );
}

/** The window that ends at an origin, as live windows are: newest row last, NaN rows before the history. */
export function fillWindow(target: Float32Array, spec: FeatureSpec, { history, step }: Origin): void {
  const width = spec.names.length;
  const first = Math.max(0, step + 1 - spec.contextSteps);
  const rows = history.rows.subarray(first * width, (step + 1) * width);
  target.fill(NaN, 0, target.length - rows.length);
  target.set(rows, target.length - rows.length);
}

export interface TrainingBatch {
  /** [B, C, F] */
  readonly windows: Float32Array;
  /** [T·B], time-major; see buildTrainingStep. */
  readonly eventDay: Float32Array;
  readonly knownDays: Float32Array;
  readonly lifeShare: Float32Array;
  readonly lifeWeight: Float32Array;
}

/**
 * Draws training batches. A window may begin and end anywhere, also after the end of its life (those rows are empty
 * and do not count): so the last steps before a failure are seen as often as any others.
 */
export class BatchSource {
  readonly #spec: FeatureSpec;
  /** `end`: step at the window's last row; may lie up to T − 1 steps after the last of the life. */
  readonly #ends: readonly { readonly history: History; readonly end: number }[];
  readonly #rng: Rng;
  readonly #shares = new Map<History, Float32Array>();

  constructor(spec: FeatureSpec, histories: readonly History[], remainingLifeCapSteps: number, rng: Rng) {
    this.#spec = spec;
    this.#ends = histories.flatMap((history) =>
      Array.from({ length: history.stepCount + spec.windowSteps - 1 }, (_, end) => ({ history, end })),
    );
    this.#rng = rng;
    for (const history of histories)
      this.#shares.set(history, remainingLifeShares(history, remainingLifeCapSteps));
  }

  draw(batchSize: number): TrainingBatch {
    const { names, contextSteps, windowSteps } = this.#spec;
    const rowCount = windowSteps * batchSize;
    const batch = {
      windows: new Float32Array(batchSize * contextSteps * names.length).fill(NaN),
      eventDay: new Float32Array(rowCount),
      knownDays: new Float32Array(rowCount),
      lifeShare: new Float32Array(rowCount),
      lifeWeight: new Float32Array(rowCount),
    };
    for (let b = 0; b < batchSize; b++) this.#fill(batch, b, batchSize);
    return batch;
  }

  #fill(batch: TrainingBatch, b: number, batchSize: number): void {
    const { names, contextSteps, windowSteps } = this.#spec;
    const width = names.length;
    const { history, end } = this.#ends[this.#rng.int(this.#ends.length)]!;
    const last = Math.min(end, history.stepCount - 1);
    const first = firstRealStep(history, Math.max(0, end + 1 - contextSteps), last, width);
    // The step `end` comes last; but a life that began less than T steps before starts where the network starts,
    // and what is empty then is after its end. `row − step` is this everywhere in the window:
    const shift = Math.min(contextSteps - 1 - end, contextSteps - windowSteps - first);
    batch.windows.set(
      history.rows.subarray(first * width, (last + 1) * width),
      (b * contextSteps + first + shift) * width,
    );
    const shares = this.#shares.get(history) as Float32Array;
    for (let t = 0; t < windowSteps; t++) {
      const step = contextSteps - windowSteps + t - shift;
      if (step > last) break;
      const row = t * batchSize + b;
      batch.eventDay[row] = history.eventDay[step]!;
      batch.knownDays[row] = history.knownDays[step]!;
      const share = shares[step]!;
      if (!Number.isNaN(share)) {
        batch.lifeShare[row] = share;
        batch.lifeWeight[row] = 1;
      }
    }
  }
}

/** First row in [from, to] with any value; `to` when there is none. Rows before it are padding (realStepCounts). */
function firstRealStep(history: History, from: number, to: number, width: number): number {
  for (let step = from; step < to; step++)
    for (let column = 0; column < width; column++)
      if (!Number.isNaN(history.rows[step * width + column]!)) return step;
  return to;
}

/**
 * min(days to the next failure, cap) / cap per row; NaN where the record ends without one, too soon to know that
 * the cap is reached.
 */
export function remainingLifeShares(history: History, capSteps: number): Float32Array {
  const shares = new Float32Array(history.stepCount);
  let left = NaN; // days from this row to the failure
  let knownFree = -1; // days after this row that are known to be without failure, while `left` is unknown
  for (let step = history.stepCount - 1; step >= 0; step--) {
    const eventDay = history.eventDay[step]!;
    if (eventDay > 0) left = eventDay;
    else if (!Number.isNaN(left)) left += 1;
    else knownFree = Math.max(knownFree + 1, history.knownDays[step]!);
    shares[step] = Number.isNaN(left)
      ? knownFree >= capSteps
        ? 1
        : NaN
      : Math.min(left, capSteps) / capSteps;
  }
  return shares;
}
