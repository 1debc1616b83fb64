/** Labels between what came and what a teacher says (teacher.ts), as the training step reads them (heads/soft-labels.ts). */
import type { History } from '../domain/features.js';

/** Of one history, all of its rows. */
export interface SoftLabels {
  readonly share: number;
  /** [L, H] failure probabilities. */
  readonly curves: Float32Array;
  /** [L] remaining life in steps, where the teacher says it. */
  readonly lifeSteps: Float32Array | undefined;
}

/**
 * Row `row` of `atRisk` and `failing` [R, H] (see softSurvivalLoss) from the labels of a step and what came of it. A
 * step of whose future nothing is known has no labels, as without a teacher.
 */
export function fillSoftLabels(
  { atRisk, failing }: { readonly atRisk: Float32Array; readonly failing: Float32Array },
  row: number,
  { share, curves }: SoftLabels,
  { eventDay, knownDays }: History,
  step: number,
  horizonSteps: number,
): void {
  const known = knownDays[step]!;
  if (known === 0) return;
  let survival = 1;
  for (let day = 1; day <= horizonSteps; day++) {
    const next = 1 - curves[step * horizonSteps + day - 1]!;
    const at = row * horizonSteps + day - 1;
    atRisk[at] = share * survival + (1 - share) * (day <= known ? 1 : 0);
    failing[at] = share * (survival - next) + (1 - share) * (day === eventDay[step] ? 1 : 0);
    survival = next;
  }
}
