/** What was promised of the networks whose forecasts are tracked, and what they know of the machines already. */

import type { BacktestResult } from '../backtest/compare-results.js';
import { type Promised, promiseOfBacktest, promiseOfValidation } from '../backtest/promise.js';
import { UserError } from '../domain/errors.js';
import { readArtifact, type SeenData } from '../model/artifact.js';
import { versionFolder } from './model-folder.js';

export interface KnownVersion {
  readonly promised: Promised | null;
  readonly seen: SeenData | undefined;
  /** Why its folder tells nothing, as a sentence. */
  readonly fault: string | null;
}

/**
 * Of a version by name. A backtest of it says more than the validation that its folder keeps; a folder that is no longer
 * there promises nothing.
 */
export async function readPromise(
  modelDir: string,
  type: string,
  version: string,
  backtest: BacktestResult | undefined,
): Promise<KnownVersion> {
  const ofBacktest = backtest?.forecasters[0]?.name === version ? promiseOfBacktest(backtest) : null;
  try {
    const { metrics } = await readArtifact(versionFolder(modelDir, type, version));
    return { promised: ofBacktest ?? promiseOfValidation(metrics), seen: metrics.seen, fault: null };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { promised: ofBacktest, seen: undefined, fault: error.message };
  }
}
