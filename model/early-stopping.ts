/** The best parameters so far by validation, and for how many validations in a row there have been no better ones. */
import { assert } from '../domain/assert.js';

export interface Best<Score> {
  readonly parameters: Float32Array;
  readonly score: Score;
  readonly step: number;
}

export class EarlyStopping<Score extends { readonly loss: number }> {
  #best: Best<Score> | undefined;
  #fruitless: number;

  /** `from`: where a checkpoint takes up. */
  constructor(from?: { readonly best: Best<Score>; readonly fruitless: number }) {
    this.#best = from?.best;
    this.#fruitless = from?.fruitless ?? 0;
  }

  get best(): Best<Score> {
    assert(this.#best, 'a validation before training ends');
    return this.#best;
  }

  /** Validations in a row without a better loss. */
  get fruitless(): number {
    return this.#fruitless;
  }

  /** `parameters` are copied if they are the best. */
  validated(parameters: Float32Array, score: Score, step: number): void {
    if (this.#best === undefined || score.loss < this.#best.score.loss) {
      this.#best = { parameters: Float32Array.from(parameters), score, step };
      this.#fruitless = 0;
    } else this.#fruitless += 1;
  }
}
