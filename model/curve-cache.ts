/** Remembers what a network said of a window, so that a sequence asked for again costs no run. */
import { createHash } from 'node:crypto';
import type { FeatureWindow } from '../domain/features.js';
import type { NetworkPredictor } from './predict.js';

/** What a network says of one window. */
export interface Curve {
  /** [H] */
  readonly probabilities: Float32Array;
  readonly remainingLifeSteps?: number;
}

/**
 * The least recently asked go first beyond `curvesMax`: about 400 bytes each at a horizon of 30. Sequences that are asked
 * for while they are being forecast wait for that run. A window gives the same bits in every batch, so what is
 * remembered is what would be computed.
 */
export class CurveCache {
  readonly #predictor: NetworkPredictor;
  readonly #curvesMax: number;
  readonly #curves = new Map<string, Promise<Curve>>();
  #hits = 0;
  #misses = 0;

  constructor(predictor: NetworkPredictor, curvesMax: number) {
    this.#predictor = predictor;
    this.#curvesMax = curvesMax;
  }

  counters(): { readonly hits: number; readonly misses: number; readonly curves: number } {
    return { hits: this.#hits, misses: this.#misses, curves: this.#curves.size };
  }

  /** One curve per window, in their order; all from one call of the network. */
  foresee(windows: readonly FeatureWindow[]): Promise<Curve[]> {
    const wanted = windows.map((window) => ({ window, key: keyOf(window) }));
    const unknown = new Map<string, FeatureWindow>();
    for (const { key, window } of wanted) {
      if (this.#curves.has(key) || unknown.has(key)) this.#hits += 1;
      else unknown.set(key, window);
    }
    this.#misses += unknown.size;
    if (unknown.size > 0) this.#ask(unknown);
    const found = wanted.map(({ key }) => {
      const curve = this.#curves.get(key) as Promise<Curve>;
      this.#curves.delete(key);
      this.#curves.set(key, curve);
      return curve;
    });
    for (const key of this.#curves.keys()) {
      if (this.#curves.size <= this.#curvesMax) break;
      this.#curves.delete(key);
    }
    return Promise.all(found);
  }

  #ask(unknown: ReadonlyMap<string, FeatureWindow>): void {
    const outlook = this.#predictor.foresee([...unknown.values()]);
    const { horizonSteps } = this.#predictor.spec;
    [...unknown.keys()].forEach((key, row) => {
      const curve = outlook.then(({ probabilities, remainingLifeSteps }) => ({
        probabilities: probabilities.slice(row * horizonSteps, (row + 1) * horizonSteps),
        ...(remainingLifeSteps && { remainingLifeSteps: remainingLifeSteps[row] as number }),
      }));
      this.#curves.set(key, curve);
      curve.catch(() => {
        // A failure is not remembered: the next one asks again.
        if (this.#curves.get(key) === curve) this.#curves.delete(key);
      });
    });
  }
}

function keyOf({ rows }: FeatureWindow): string {
  return createHash('sha256')
    .update(new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength))
    .digest('base64');
}
