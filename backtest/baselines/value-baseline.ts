/** Plain ways to forecast the values of one series, which a network has to beat on the same rows. */
import { fitSmoothing, type SmoothingKind, startSmoother } from '../../model/values/smoothing.js';

export interface ValueBaseline {
  readonly name: string;
  /**
   * Forecasts of one series from each of `origins` (ascending rows): [origin][H]. Weights come from the values before
   * `trainingEnd`; a forecast reads rows up to its origin only. NaN where there is nothing to say yet.
   */
  forecast(
    series: ArrayLike<number>,
    origins: readonly number[],
    trainingEnd: number,
    horizonSteps: number,
  ): Float64Array[];
}

/** The mean of the series' training part: the best that there is for values without memory. */
export const trainingMean: ValueBaseline = {
  name: 'mean',
  forecast(series, origins, trainingEnd, horizonSteps) {
    let [sum, count] = [0, 0];
    for (let at = 0; at < trainingEnd; at++) {
      if (Number.isNaN(series[at] as number)) continue;
      sum += series[at] as number;
      count += 1;
    }
    return origins.map(() => new Float64Array(horizonSteps).fill(sum / count));
  },
};

/** The value of one season before, again and again; where that is missing, the one a season earlier. */
export function seasonalNaive(seasonSteps: number): ValueBaseline {
  return {
    name: seasonSteps === 1 ? 'naive' : 'seasonal-naive',
    forecast: (series, origins, _trainingEnd, horizonSteps) =>
      origins.map((origin) =>
        Float64Array.from({ length: horizonSteps }, (_, index) => {
          let at = origin + 1 + index - seasonSteps * Math.ceil((index + 1) / seasonSteps);
          while (at >= 0 && Number.isNaN(series[at] as number)) at -= seasonSteps;
          return at < 0 ? NaN : (series[at] as number);
        }),
      ),
  };
}

/** Exponential smoothing with weights of its own for every series, carried from the series' start to each origin. */
export function smoothing(kind: SmoothingKind, seasonSteps: number): ValueBaseline {
  return {
    name: kind,
    forecast(series, origins, trainingEnd, horizonSteps) {
      const training = Float64Array.from({ length: trainingEnd }, (_, at) => series[at] as number);
      const smoother = startSmoother(fitSmoothing(kind, training, seasonSteps), training);
      let next = 0;
      return origins.map((origin) => {
        for (; next <= origin; next++) smoother.add(series[next] as number);
        return Float64Array.from({ length: horizonSteps }, (_, index) => smoother.forecast(index + 1));
      });
    },
  };
}
