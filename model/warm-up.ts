/** The first runs of a network are slow, and may show that it is none: both are better known before it serves. */
import { UserError } from '../domain/errors.js';
import type { FeatureWindow, Predictor } from '../domain/features.js';

/** Batch sizes that are run: engines plan their memory for each anew. */
const batchSizes = [1, 256];

/** Forecasts windows of zeros. UserError when what comes back is no failure curve. */
export async function warmUp(predictor: Predictor): Promise<void> {
  const { contextSteps, names, horizonSteps } = predictor.spec;
  const window: FeatureWindow = {
    rows: new Float32Array(contextSteps * names.length),
    stepCount: contextSteps,
  };
  for (const size of batchSizes) {
    const curves = await predictor.predict(Array.from({ length: size }, () => window));
    if (curves.length !== size * horizonSteps || !curves.every((value) => value >= 0 && value <= 1))
      throw new UserError(
        `Model ${predictor.version} does not give ${horizonSteps} probabilities for a window. Train it again with \`millwright train\`.`,
      );
  }
}
