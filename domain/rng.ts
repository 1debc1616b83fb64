import { xoroshiro128plus, xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** Where a generator stands in its sequence; survives JSON. */
export interface RngState {
  readonly generator: readonly number[];
  readonly spareNormal: number | null;
}

/** Seeded random numbers: the same seed gives the same sequence on every machine. */
export class Rng {
  #generator: { next(): number; getState(): readonly number[] };
  #spareNormal: number | undefined;

  /** `seed` is any 32-bit integer. */
  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed | 0);
  }

  get state(): RngState {
    return { generator: this.#generator.getState(), spareNormal: this.#spareNormal ?? null };
  }

  /** Goes to where a generator stood when its `state` was taken. */
  restore({ generator, spareNormal }: RngState): void {
    this.#generator = xoroshiro128plusFromState(generator);
    this.#spareNormal = spareNormal ?? undefined;
  }

  /** Uniform in [0, 1), 32 bits of randomness. */
  uniform(): number {
    return (this.#generator.next() >>> 0) / 4294967296;
  }

  /** Uniform integer in [0, bound). */
  int(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** Standard normal, by the polar method (Marsaglia & Bray 1964). */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const factor = Math.sqrt((-2 * Math.log(s)) / s);
        this.#spareNormal = v * factor;
        return u * factor;
      }
    }
  }

  /** A generator whose sequence does not depend on how far this one is used afterwards. */
  fork(): Rng {
    return new Rng(this.#generator.next());
  }

  /** Fisher–Yates, in place; returns `items`. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const held = items[i] as T;
      items[i] = items[j] as T;
      items[j] = held;
    }
    return items;
  }
}
