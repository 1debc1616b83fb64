/** Opens the network in use of every machine type. */
import { UserError } from '../domain/errors.js';
import type { Predictor } from '../domain/features.js';
import { openPredictor } from '../model/predict.js';
import { featureSpec } from '../stream/features.js';
import type { Deployment } from './config.js';
import { openEngine } from './engine.js';
import type { Logger } from './logger.js';
import { currentVersionFolder } from './model-folder.js';
import { codeVersion } from './training.js';

export interface Predictors {
  readonly byType: ReadonlyMap<string, Predictor>;
  close(): Promise<void>;
}

/**
 * A type without a network has no entry: its forecasts say that they cannot be made. A network that is there but
 * cannot be used is a UserError, before anything is served with it.
 */
export async function openPredictors(deployment: Deployment, logger: Logger): Promise<Predictors> {
  const { config, types } = deployment;
  const engine = openEngine(config.model.engine);
  const byType = new Map<string, Predictor>();
  try {
    for (const [name, type] of types) {
      const folder = await currentVersionFolder(config.model.dir, name);
      if (folder === undefined) {
        logger.warn(
          { type: name },
          `no network for machine type ${name}: its machines are not assessable; run \`millwright train\``,
        );
        continue;
      }
      byType.set(name, await openPredictor(folder, engine, featureSpec(type), codeVersion()));
    }
  } catch (error) {
    await engine.close();
    throw error;
  }
  return { byType, close: () => engine.close() };
}

/** The network in use of one type, for commands that need it. UserError when there is none. */
export function requirePredictor(
  byType: Pick<ReadonlyMap<string, Predictor>, 'get'>,
  type: string,
): Predictor {
  const predictor = byType.get(type);
  if (predictor) return predictor;
  throw new UserError(`there is no trained network for machine type ${type}: run \`millwright train\` first`);
}
