import { assert } from '../../domain/assert.js';

/**
 * Quantile `q` in [0, 1] of ascending values, linear between order statistics (type 7 of Hyndman & Fan 1996, the
 * default of R and NumPy). The caller passes at least one value.
 */
export function quantile(ascending: ArrayLike<number>, q: number): number {
  assert(ascending.length > 0 && q >= 0 && q <= 1, 'a value to take a quantile in [0, 1] of');
  const position = q * (ascending.length - 1);
  const below = Math.floor(position);
  const low = ascending[below] as number;
  const high = ascending[Math.ceil(position)] as number;
  return low + (position - below) * (high - low);
}
