/** Cuts training batches and validation windows out of histories, with their labels. */
import type { FeatureSpec, FeatureWindow, History } from '../domain/features.js';
import type { Rng } from '../domain/rng.js';
import { fillSoftLabels, type SoftLabels } from './soft-labels.js';

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

/** The same as a window for a predictor. */
export function windowOf(spec: FeatureSpec, origin: Origin): FeatureWindow {
  const rows = new Float32Array(spec.contextSteps * spec.names.length);
  fillWindow(rows, spec, origin);
  return { rows, stepCount: Math.min(origin.step + 1, spec.contextSteps) };
}

/** Draws training batches. */
export interface BatchSource {
  draw(batchSize: number): TrainingBatch;
}

export interface TrainingBatch {
  /** [B, C, F] */
  readonly windows: Float32Array;
  /** Per row of [T·B], time-major, or of [B]; see buildTrainingStep. By cause, `eventDay` has [B, causes]. */
  readonly eventDay: Float32Array;
  readonly knownDays: Float32Array;
  readonly lifeShare: Float32Array;
  readonly lifeWeight: Float32Array;
  /** With a teacher: [R, H], see softSurvivalLoss. */
  readonly soft?: { readonly atRisk: Float32Array; readonly failing: Float32Array };
}

type SoftLabelsOf = ReadonlyMap<History, SoftLabels>;

function emptySoft(teacher: SoftLabelsOf | undefined, rowCount: number, { horizonSteps }: FeatureSpec) {
  if (!teacher) return {};
  const length = rowCount * horizonSteps;
  return { soft: { atRisk: new Float32Array(length), failing: new Float32Array(length) } };
}

/** The share of the cap that a step is labelled with, and its weight: what came, what the teacher says, or between. */
function lifeLabel(share: number, soft: SoftLabels | undefined, step: number, capSteps: number) {
  const isKnown = !Number.isNaN(share);
  const said = soft?.lifeSteps?.[step];
  if (soft === undefined || said === undefined)
    return { share: isKnown ? share : 0, weight: isKnown ? 1 : 0 };
  const taught = Math.min(said / capSteps, 1);
  if (!isKnown) return { share: taught, weight: soft.share };
  return { share: soft.share * taught + (1 - soft.share) * share, weight: 1 };
}

/**
 * For networks whose every step has labels. A window may begin and end anywhere, also after the end of its life (those rows are empty
 * and do not count): so the last steps before a failure are seen as often as any others.
 */
export class DenseBatchSource implements BatchSource {
  readonly #spec: FeatureSpec;
  /** `end`: step at the window's last row; may lie up to T − 1 steps after the last of the life. */
  readonly #ends: readonly { readonly history: History; readonly end: number }[];
  readonly #rng: Rng;
  readonly #shares = new Map<History, Float32Array>();
  readonly #capSteps: number;
  readonly #teacher: SoftLabelsOf | undefined;

  /** `teacher`: labels of all of the histories. */
  constructor(
    spec: FeatureSpec,
    histories: readonly History[],
    remainingLifeCapSteps: number,
    rng: Rng,
    teacher?: SoftLabelsOf,
  ) {
    this.#spec = spec;
    this.#capSteps = remainingLifeCapSteps;
    this.#teacher = teacher;
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
      ...emptySoft(this.#teacher, rowCount, this.#spec),
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
    const soft = this.#teacher?.get(history);
    for (let t = 0; t < windowSteps; t++) {
      const step = contextSteps - windowSteps + t - shift;
      if (step > last) break;
      const row = t * batchSize + b;
      batch.eventDay[row] = history.eventDay[step]!;
      batch.knownDays[row] = history.knownDays[step]!;
      const label = lifeLabel(shares[step]!, soft, step, this.#capSteps);
      batch.lifeShare[row] = label.share;
      batch.lifeWeight[row] = label.weight;
      if (batch.soft && soft) fillSoftLabels(batch.soft, row, soft, history, step, this.#spec.horizonSteps);
    }
  }
}

/**
 * For networks that forecast from the newest step only: windows as they are served, any origin with a known future. `causeBits`:
 * the bits of eventCauses that have labels of their own, one column each; none: one label a row.
 */
export class OriginBatchSource implements BatchSource {
  readonly #spec: FeatureSpec;
  readonly #origins: readonly Origin[];
  readonly #rng: Rng;
  readonly #shares = new Map<History, Float32Array>();
  readonly #capSteps: number;
  readonly #teacher: SoftLabelsOf | undefined;
  readonly #causeBits: readonly number[];

  /** `teacher`: labels of all of the histories. */
  constructor(
    spec: FeatureSpec,
    histories: readonly History[],
    remainingLifeCapSteps: number,
    rng: Rng,
    teacher?: SoftLabelsOf,
    causeBits: readonly number[] = [],
  ) {
    this.#spec = spec;
    this.#capSteps = remainingLifeCapSteps;
    this.#teacher = teacher;
    this.#causeBits = causeBits;
    this.#origins = originsOf(histories);
    this.#rng = rng;
    for (const history of histories)
      this.#shares.set(history, remainingLifeShares(history, remainingLifeCapSteps));
  }

  draw(batchSize: number): TrainingBatch {
    const length = this.#spec.contextSteps * this.#spec.names.length;
    const batch = {
      windows: new Float32Array(batchSize * length),
      eventDay: new Float32Array(batchSize * (this.#causeBits.length || 1)),
      knownDays: new Float32Array(batchSize),
      lifeShare: new Float32Array(batchSize),
      lifeWeight: new Float32Array(batchSize),
      ...emptySoft(this.#teacher, batchSize, this.#spec),
    };
    for (let b = 0; b < batchSize; b++) {
      const origin = this.#origins[this.#rng.int(this.#origins.length)]!;
      const { history, step } = origin;
      fillWindow(batch.windows.subarray(b * length, (b + 1) * length), this.#spec, origin);
      this.#fillEventDay(batch.eventDay, b, origin);
      batch.knownDays[b] = history.knownDays[step]!;
      const soft = this.#teacher?.get(history);
      const label = lifeLabel(this.#shares.get(history)![step]!, soft, step, this.#capSteps);
      batch.lifeShare[b] = label.share;
      batch.lifeWeight[b] = label.weight;
      if (batch.soft && soft) fillSoftLabels(batch.soft, b, soft, history, step, this.#spec.horizonSteps);
    }
    return batch;
  }

  #fillEventDay(eventDay: Float32Array, b: number, { history, step }: Origin): void {
    const day = history.eventDay[step]!;
    if (this.#causeBits.length === 0) eventDay[b] = day;
    const causes = history.eventCauses?.[step] ?? 0;
    this.#causeBits.forEach((bit, cause) => {
      eventDay[b * this.#causeBits.length + cause] = (causes >>> bit) & 1 ? day : 0;
    });
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
