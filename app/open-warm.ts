import type { MachineType } from '../domain/machine-type.js';
import type { Engine } from '../model/ports.js';
import { type NetworkPredictor, openPredictor } from '../model/predict.js';
import { warmUp } from '../model/warm-up.js';
import { featureSpec } from '../stream/features.js';
import { codeVersion } from './training.js';

/** A version ready to serve; UserError for one that cannot. */
export async function openWarm(
  directory: string,
  engine: Engine,
  type: MachineType,
): Promise<NetworkPredictor> {
  const predictor = await openPredictor(directory, engine, featureSpec(type), codeVersion());
  try {
    await warmUp(predictor);
  } catch (error) {
    await predictor.close();
    throw error;
  }
  return predictor;
}
