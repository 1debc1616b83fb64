import type { TrainingProgress } from '../../model/trained-network.js';
import { formatNumber } from './format.js';

/** The middle of the training bar: "step 350/700 · validation loss 0.318 (best 0.312)". */
export function trainingNote(progress: TrainingProgress): string {
  const { step, of, validationLoss, bestLoss } = progress;
  return `step ${step}/${of} · validation loss ${formatNumber(validationLoss)} (best ${formatNumber(bestLoss)})`;
}
