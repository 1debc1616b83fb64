/** What rules ask of a machine's sensors: told beside a forecast, from the steps that it is made from. */
export type Measure =
  /** A sensor's aggregate in the newest step, in its unit. */
  | { readonly kind: 'value'; readonly feature: string }
  /**
   * How far the newest `steps` steps lie from those before them: the mean of the newest less that of the others, in standard
   * deviations of the others.
   */
  | { readonly kind: 'drift'; readonly feature: string; readonly steps: number };

/** Its name in `ForecastRecord.measured`: `speed.mean`, `drift(speed.mean, 7)`. */
export function measureKey(measure: Measure): string {
  return measure.kind === 'value' ? measure.feature : `drift(${measure.feature}, ${measure.steps})`;
}
