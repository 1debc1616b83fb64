/**
 * P(X > x) of a χ² variable with `freedom` degrees, x at least 0: 1 less the lower incomplete gamma function by its series,
 * P(a, z) = z^a e^(−z) / Γ(a + 1) · Σ_n z^n / ((a + 1) … (a + n)) with a = freedom / 2, z = x / 2 (Abramowitz & Stegun 6.5.29).
 * Absolute error below 1e-12; a tail thinner than that comes out as 0.
 */
export function chiSquareTail(x: number, freedom: number): number {
  const a = freedom / 2;
  const z = x / 2;
  // Beyond this the tail is below 1e-17 for any sensible freedom, and the series would overflow.
  if (z > 300 + a) return 0;
  let term = 1;
  let sum = 1;
  for (let n = 1; term > 1e-18 * sum; n++) {
    term *= z / (a + n);
    sum += term;
  }
  return Math.max(0, 1 - sum * Math.exp(a * Math.log(z) - z - logGammaOfNext(freedom)));
}

/** ln Γ(freedom / 2 + 1), by recursion from Γ(1) = 1 or Γ(1/2) = √π. */
function logGammaOfNext(freedom: number): number {
  let sum = freedom % 2 === 0 ? 0 : Math.log(Math.PI) / 2;
  for (let factor = freedom / 2; factor > 0; factor--) sum += Math.log(factor);
  return sum;
}
