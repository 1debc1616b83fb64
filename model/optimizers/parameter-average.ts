/**
 * Exponentially weighted mean of the parameters over the training steps: what is validated, and kept. It rests where the
 * last steps wander about. The weight of the past starts small, so that the first parameters are soon forgotten.
 * Source: Polyak & Juditsky 1992; with this start as in TensorFlow's ExponentialMovingAverage.
 */
export class ParameterAverage {
  readonly #decay: number;
  #values: Float32Array | undefined;
  #count = 0;

  /** What it knows; goes on changing. undefined before the first step. */
  get values(): Float32Array | undefined {
    return this.#values;
  }

  /** Goes on after `count` steps, of which `values` was the mean. */
  restore(values: Float32Array, count: number): void {
    this.#values = Float32Array.from(values);
    this.#count = count;
  }

  /** `decay` in [0, 1): share of the past that a step leaves; 0 keeps the newest parameters only. */
  constructor(decay: number) {
    this.#decay = decay;
  }

  /** The mean so far, this step's parameters included; valid until the next call. */
  add(parameters: Float32Array): Float32Array {
    this.#count += 1;
    this.#values ??= Float32Array.from(parameters);
    const kept = Math.min(this.#decay, (1 + this.#count) / (10 + this.#count));
    const values = this.#values;
    for (let i = 0; i < values.length; i++)
      values[i] = kept * (values[i] as number) + (1 - kept) * (parameters[i] as number);
    return values;
  }
}
