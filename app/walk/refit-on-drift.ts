/** Folds that begin where sensors have drifted from what the network in force was trained on, not by the calendar alone. */
import { fleetDrift } from '../../backtest/drift/fleet-drift.js';
import { watchFleet, within } from '../../backtest/drift/watched.js';
import type { FeatureSpec, History } from '../../domain/features.js';
import { makeReference, measuredColumns } from '../../model/reference.js';
import type { Fold } from './folds.js';

/**
 * Of `folds`, those before which something had drifted, and the first; the others are part of the one before them. `drifted` says which features
 * had, by the beginning of `next`, from what the network of `inForce` learned; `before` is the fold that ends where `next` begins.
 */
export async function mergeSteady(
  folds: readonly Fold[],
  drifted: (inForce: Fold, before: Fold, next: Fold) => Promise<readonly string[]>,
): Promise<Fold[]> {
  const kept: Fold[] = [];
  for (const [index, fold] of folds.entries()) {
    const inForce = kept.at(-1);
    const because = inForce ? await drifted(inForce, folds[index - 1] as Fold, fold) : [];
    if (inForce && because.length === 0)
      kept[kept.length - 1] = { ...inForce, lastOriginMs: fold.lastOriginMs, toMs: fold.toMs };
    else kept.push({ ...fold, number: kept.length + 1, ...(inForce ? { because } : {}) });
  }
  return kept;
}

/** Features that have drifted (driftLimits) in the steps of a span from what was learned from, as `millwright drift` would say. */
export function driftedFeatures(
  spec: FeatureSpec,
  learnedFrom: readonly History[],
  known: readonly History[],
  span: { readonly fromMs: number; readonly toMs: number },
): string[] {
  const columns = measuredColumns(spec).map(({ column }) => column);
  const watched = within(watchFleet(spec, known), span);
  const [features = []] = fleetDrift(makeReference(spec, learnedFrom), columns, [watched]);
  return features.filter(({ verdict }) => verdict === 'drifted').map(({ feature }) => feature);
}
