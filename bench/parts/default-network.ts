/** A network for the plant of the benches, of the size that is trained by default; what it has learned does not matter there. */
import type { Deployment } from '../../app/config.js';
import { buildHistories } from '../../app/history.js';
import { factorySchema, makeFactory } from '../../app/simulate/factory-config.js';
import { factoryDataset } from '../../app/simulate/simulate-factory.js';
import { trainNetworkFor } from '../../app/training.js';
import { trainingConfigSchema } from '../../model/config.js';

/** The simulated factory that it learns from: 30 machines, a reading of every sensor each `everyMs`. */
export interface TrainingFactory {
  readonly days: number;
  /** A duration, such as `1h`. */
  readonly everyMs: string;
  /** Of the Weibull distribution of the machines' lives. */
  readonly lifeScaleDays: number;
}

/** Trains it for the deployment's only machine type and takes it into use. */
export async function trainDefaultNetwork(
  deployment: Deployment,
  { days, everyMs, lifeScaleDays }: TrainingFactory,
): Promise<void> {
  const [type] = deployment.types.values();
  if (!type) throw new Error('a machine type was expected');
  const life = { scaleDays: lifeScaleDays };
  const factory = factorySchema.parse({ machineType: 'press.yaml', machines: 30, days, everyMs, life });
  const histories = await buildHistories(deployment, factoryDataset(makeFactory(factory, type)));
  await trainNetworkFor({
    type,
    histories: histories.get(type.name) ?? [],
    modelDir: deployment.config.model.dir,
    config: trainingConfigSchema.parse({ steps: 30 }),
    seed: 1,
  });
}
