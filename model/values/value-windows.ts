/** Cuts windows out of histories, with what the sensors showed after each of their steps. */
import type { FeatureSpec, History } from '../../domain/features.js';
import type { Rng } from '../../domain/rng.js';
import type { Preprocessing } from '../preprocessing.js';
import { fillWindow, type Origin } from '../windows.js';
import { standardisedRows } from './targets.js';

/** Every row that has another after it. */
export function valueOriginsOf(histories: readonly History[]): Origin[] {
  return histories.flatMap((history) =>
    Array.from({ length: Math.max(0, history.stepCount - 1) }, (_, step) => ({ history, step })),
  );
}

/** [rows, sensors × H]; a sensor's steps ahead together. Where `known` is 0, `actual` is 0. */
export interface ValueLabels {
  readonly actual: Float32Array;
  readonly known: Float32Array;
}

export interface ValueBatch extends ValueLabels {
  /** [B, C, F], as served. */
  readonly windows: Float32Array;
}

/** Labels of histories, in standard deviations. */
export class ValueLabeller {
  readonly #preprocessing: Preprocessing;
  readonly #columns: readonly number[];
  readonly #values = new Map<History, Float32Array>();

  constructor(preprocessing: Preprocessing, columns: readonly number[]) {
    this.#preprocessing = preprocessing;
    this.#columns = columns;
  }

  /** Number of labels of one row. */
  get width(): number {
    return this.#columns.length * this.#preprocessing.spec.horizonSteps;
  }

  /** Writes the labels of a history's step into row `row`; a step before the history has none. */
  fill({ actual, known }: ValueLabels, row: number, history: History, step: number): void {
    if (step < 0) return;
    const sensors = this.#columns.length;
    const { horizonSteps } = this.#preprocessing.spec;
    let values = this.#values.get(history);
    if (!values) {
      values = standardisedRows(history.rows, this.#preprocessing, this.#columns);
      this.#values.set(history, values);
    }
    const ahead = Math.min(horizonSteps, history.stepCount - 1 - step);
    for (let sensor = 0; sensor < sensors; sensor++)
      for (let k = 1; k <= ahead; k++) {
        const value = values[(step + k) * sensors + sensor]!;
        if (Number.isNaN(value)) continue;
        const at = row * this.width + sensor * horizonSteps + k - 1;
        actual[at] = value;
        known[at] = 1;
      }
  }
}

/** Draws batches: any origin, with labels for some steps of its window. */
export class ValueBatchSource {
  readonly #spec: FeatureSpec;
  readonly #labeller: ValueLabeller;
  readonly #origins: readonly Origin[];
  readonly #labelled: readonly number[];
  readonly #rng: Rng;

  /** `labelled`: positions in the window. */
  constructor(
    spec: FeatureSpec,
    labeller: ValueLabeller,
    histories: readonly History[],
    labelled: readonly number[],
    rng: Rng,
  ) {
    this.#spec = spec;
    this.#labelled = labelled;
    this.#labeller = labeller;
    this.#origins = valueOriginsOf(histories);
    this.#rng = rng;
  }

  /** Labels in rows of [labelled · B], time-major. */
  draw(batchSize: number): ValueBatch {
    const { names, contextSteps, windowSteps } = this.#spec;
    const windowLength = contextSteps * names.length;
    const labelCount = this.#labelled.length * batchSize * this.#labeller.width;
    const batch = {
      windows: new Float32Array(batchSize * windowLength),
      actual: new Float32Array(labelCount),
      known: new Float32Array(labelCount),
    };
    for (let b = 0; b < batchSize; b++) {
      const origin = this.#origins[this.#rng.int(this.#origins.length)]!;
      fillWindow(batch.windows.subarray(b * windowLength, (b + 1) * windowLength), this.#spec, origin);
      const first = origin.step + 1 - windowSteps;
      this.#labelled.forEach((position, index) => {
        this.#labeller.fill(batch, index * batchSize + b, origin.history, first + position);
      });
    }
    return batch;
  }
}
