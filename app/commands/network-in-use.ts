/** Work with the network in use of one machine type. */
import type { Predictor } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import type { Deployment } from '../config.js';
import { silentLogger } from '../logger.js';
import { openPredictors, requirePredictor } from '../predictors.js';
import { chooseType } from '../training.js';

/** `typeName`: needed where there are several. The network is closed when the work has ended, however it ends. */
export async function withNetworkInUse(
  deployment: Deployment,
  typeName: string | undefined,
  work: (predictor: Predictor, type: MachineType) => Promise<void>,
): Promise<void> {
  const type = chooseType(deployment.types, typeName);
  const predictors = await openPredictors(deployment, silentLogger);
  try {
    await work(requirePredictor(predictors.byType, type.name), type);
  } finally {
    await predictors.close();
  }
}
