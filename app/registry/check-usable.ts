import { openPredictor } from '../../model/predict.js';
import { openValuePredictor } from '../../model/values/value-predict.js';
import { featureSpec } from '../../stream/features.js';
import type { Deployment } from '../config.js';
import { openEngine } from '../engine.js';
import { codeVersion } from '../training.js';
import type { RegisteredVersion } from './registry.js';

/** Opens a version as a plant that runs would. Throws UserError, which names the fault, where that fails. */
export async function checkUsable(
  { config, types }: Deployment,
  { type, kind, directory }: Pick<RegisteredVersion, 'type' | 'kind' | 'directory'>,
): Promise<void> {
  const machineType = types.get(type);
  const spec = machineType && featureSpec(machineType);
  const engine = openEngine(config.model.engine);
  const open = kind === 'failures' ? openPredictor : openValuePredictor;
  try {
    await (await open(directory, engine, spec, codeVersion())).close();
  } finally {
    await engine.close();
  }
}
