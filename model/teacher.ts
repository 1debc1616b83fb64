/** What a trained network, best an ensemble, says of histories: labels that a smaller one learns from. */
import type { FeatureSpec, History } from '../domain/features.js';
import type { NetworkPredictor } from './predict.js';
import type { SoftLabels } from './soft-labels.js';
import { windowOf } from './windows.js';

export interface Teacher {
  readonly predictor: Pick<NetworkPredictor, 'version' | 'foresee'>;
  /** Weight of what it says in the labels, (0, 1]; the rest is what came. */
  readonly share: number;
}

/** Windows asked for at a time. */
const chunk = 1024;

/** Adds the labels of every row of every history. */
export async function addSoftLabels(
  labels: Map<History, SoftLabels>,
  { predictor, share }: Teacher,
  spec: FeatureSpec,
  histories: readonly History[],
  signal?: AbortSignal,
): Promise<void> {
  for (const history of histories) {
    const curves = new Float32Array(history.stepCount * spec.horizonSteps);
    let lifeSteps: Float32Array | undefined;
    for (let from = 0; from < history.stepCount; from += chunk) {
      signal?.throwIfAborted();
      const count = Math.min(chunk, history.stepCount - from);
      const asked = Array.from({ length: count }, (_, row) => windowOf(spec, { history, step: from + row }));
      const { probabilities, remainingLifeSteps } = await predictor.foresee(asked);
      curves.set(probabilities, from * spec.horizonSteps);
      if (!remainingLifeSteps) continue;
      lifeSteps ??= new Float32Array(history.stepCount);
      lifeSteps.set(remainingLifeSteps, from);
    }
    labels.set(history, { share, curves, lifeSteps });
  }
}
