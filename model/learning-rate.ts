/**
 * The learning rate over the steps of a training: a linear warm-up, then one of three ways down.
 *
 *   cosine    along half a cosine to `finalRateShare` (Loshchilov & Hutter 2017, one cycle)
 *   step      times `decayFactor` every `decayEverySteps`
 *   plateau   times `decayFactor` after more than `plateauPatience` validations in a row without a better loss, better by
 *             a ten-thousandth at least (as PyTorch's ReduceLROnPlateau)
 *
 * None goes below `finalRateShare`.
 */
import type { TrainingConfig } from './config.js';

export const scheduleNames = ['cosine', 'step', 'plateau'] as const;

/** What a schedule has learned from the validations so far. */
export interface RateState {
  /** The rate is this share of what warm-up gives; only `plateau` changes it. */
  readonly share: number;
  readonly bestLoss: number | null;
  readonly badCount: number;
}

export type RateConfig = Pick<
  TrainingConfig,
  | 'schedule'
  | 'steps'
  | 'learningRate'
  | 'warmUpShare'
  | 'finalRateShare'
  | 'decayEverySteps'
  | 'decayFactor'
  | 'plateauPatience'
>;

const leastImprovement = 1e-4;

export class LearningRate {
  readonly #config: RateConfig;
  #state: RateState;

  constructor(config: RateConfig, state: RateState = { share: 1, bestLoss: null, badCount: 0 }) {
    this.#config = config;
    this.#state = state;
  }

  get state(): RateState {
    return this.#state;
  }

  /** Rate of the `step`-th update, from 1. */
  at(step: number): number {
    const { steps, learningRate, warmUpShare } = this.#config;
    const warmUp = Math.round(warmUpShare * steps);
    if (step <= warmUp) return (learningRate * this.#state.share * step) / warmUp;
    return learningRate * this.#shareAt(step - warmUp, Math.max(1, steps - warmUp));
  }

  /** Tells of a validation, after its step. */
  validated(loss: number): void {
    if (this.#config.schedule !== 'plateau') return;
    const { share, bestLoss, badCount } = this.#state;
    if (bestLoss === null || loss < bestLoss * (1 - leastImprovement))
      this.#state = { share, bestLoss: loss, badCount: 0 };
    else if (badCount < this.#config.plateauPatience)
      this.#state = { share, bestLoss, badCount: badCount + 1 };
    else this.#state = { share: this.#lowered(share * this.#config.decayFactor), bestLoss, badCount: 0 };
  }

  /** `done` of `all` steps after the warm-up. */
  #shareAt(done: number, all: number): number {
    const { schedule, finalRateShare, decayEverySteps, decayFactor } = this.#config;
    switch (schedule) {
      case 'cosine':
        return finalRateShare + (1 - finalRateShare) * 0.5 * (1 + Math.cos((Math.PI * done) / all));
      case 'step':
        return this.#lowered(decayFactor ** Math.floor((done - 1) / decayEverySteps));
      case 'plateau':
        return this.#state.share;
    }
  }

  #lowered(share: number): number {
    return Math.max(this.#config.finalRateShare, share);
  }
}
