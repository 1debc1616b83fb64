import type { ForecastWire, MovedWire } from './wire.js';

/**
 * The diagonal: what each forecast said about the day that ends at `targetMs`. Origins for which that day is past
 * or beyond the horizon are left out, so is what could not be assessed. Oldest first.
 */
export function followTarget(
  forecasts: readonly ForecastWire[],
  targetMs: number,
  stepMs: number,
): MovedWire {
  const points = forecasts
    .flatMap((forecast) => {
      const day = Math.round((targetMs - forecast.originMs) / stepMs);
      const probability = forecast.probabilities[day - 1];
      return probability === undefined ? [] : [{ originMs: forecast.originMs, probability }];
    })
    .sort((a, b) => a.originMs - b.originMs);
  return { targetMs, points };
}

/** Day ahead that a person asks about first: the expected day, else the seventh (or the horizon's last). */
export function defaultTargetDay(forecast: Pick<ForecastWire, 'expectedDay' | 'probabilities'>): number {
  return forecast.expectedDay ?? Math.min(7, forecast.probabilities.length);
}
