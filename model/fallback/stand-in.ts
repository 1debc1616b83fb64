/** The simple models of a version whose network cannot be used, in its place. */
import { UserError } from '../../domain/errors.js';
import type { Fallback } from '../../domain/fallback.js';
import type { FeatureSpec, Predictor } from '../../domain/features.js';
import { readSimpleModels } from '../artifact.js';
import { checkFits } from '../fit.js';
import { SimpleModels } from './simple-models.js';

export interface StandIn extends Predictor {
  readonly fallback: Fallback;
  readonly fault: string;
}

/**
 * `fault`: why the network of the folder cannot be used. undefined where its simple models cannot be either, were made of
 * other features than `wanted`, or are not there.
 */
export async function openStandIn(
  directory: string,
  fault: string,
  wanted: FeatureSpec,
  running?: string,
): Promise<StandIn | undefined> {
  const found = await readSimpleModels(directory, running).catch((error: unknown) => {
    if (error instanceof UserError) return undefined;
    throw error;
  });
  if (!found) return undefined;
  const { version, stored } = found;
  const fallback = new SimpleModels(stored);
  const { spec } = fallback;
  if (checkFits(spec, wanted) !== undefined) return undefined;
  const predict = () => Promise.reject(new Error(fault));
  return { version, spec, fallback, fault, predict, close: () => Promise.resolve() };
}
