/** Training batches as the training step wants them; any batch can be drawn again. */
import type { FeatureSpec } from '../domain/features.js';
import type { Rng, RngState } from '../domain/rng.js';
import type { TrainingConfig } from './config.js';
import { windowFeeds } from './known-future.js';
import type { TensorValue } from './ports.js';
import type { BatchSource, TrainingBatch } from './windows.js';

/** Where the draws stand. */
export interface FeedState {
  readonly batches: RngState;
  readonly dropout: RngState;
}

export class TrainingFeeds {
  readonly #source: BatchSource;
  readonly #batchRng: Rng;
  readonly #dropoutRng: Rng;
  readonly #spec: FeatureSpec;
  readonly #config: TrainingConfig;
  readonly #dropoutWidth: number;
  readonly #causeCount: number;

  /** `batchRng` is the one that `source` draws by. */
  constructor(
    source: BatchSource,
    batchRng: Rng,
    dropoutRng: Rng,
    spec: FeatureSpec,
    config: TrainingConfig,
    dropoutWidth: number,
    causeCount = 0,
  ) {
    this.#source = source;
    this.#batchRng = batchRng;
    this.#dropoutRng = dropoutRng;
    this.#spec = spec;
    this.#config = config;
    this.#dropoutWidth = dropoutWidth;
    this.#causeCount = causeCount;
  }

  get state(): FeedState {
    return { batches: this.#batchRng.state, dropout: this.#dropoutRng.state };
  }

  restore({ batches, dropout }: FeedState): void {
    this.#batchRng.restore(batches);
    this.#dropoutRng.restore(dropout);
  }

  batch(): TrainingBatch {
    return this.#source.draw(this.#config.batchSize);
  }

  /** Inputs of buildTrainingStep for the next batch; `before` is the state that draws it again. */
  next(): { readonly before: FeedState; readonly feeds: Readonly<Record<string, TensorValue>> } {
    const before = this.state;
    const batch = this.batch();
    const { batchSize, remainingLifeWeight, dropout } = this.#config;
    const feeds = {
      ...windowFeeds(this.#spec, batch.windows),
      ...this.#labels(batch),
      ...(remainingLifeWeight > 0
        ? { lifeShare: perRow(batch.lifeShare), lifeWeight: perRow(batch.lifeWeight) }
        : {}),
      ...(dropout > 0
        ? { dropout: drawDropout(this.#dropoutRng, batchSize, this.#dropoutWidth, dropout) }
        : {}),
    };
    return { before, feeds };
  }

  #labels({ soft, eventDay, knownDays }: TrainingBatch): Record<string, TensorValue> {
    if (!soft) return { eventDay: perRow(eventDay, this.#causeCount || 1), knownDays: perRow(knownDays) };
    const { horizonSteps } = this.#spec;
    return { atRisk: perRow(soft.atRisk, horizonSteps), failing: perRow(soft.failing, horizonSteps) };
  }
}

/** Input `dropout` of a training step, [batch, width]. */
export function drawDropout(rng: Rng, batchSize: number, width: number, share: number): TensorValue {
  const data = new Float32Array(batchSize * width);
  for (let i = 0; i < data.length; i++) data[i] = rng.uniform() < share ? 0 : 1 / (1 - share);
  return { dims: [batchSize, width], data };
}

function perRow(data: Float32Array, columns = 1): TensorValue {
  return { dims: [data.length / columns, columns], data };
}
