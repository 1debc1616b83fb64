/**
 * What is put behind a trained network before it is served: calibration where it helps and intervals of the remaining
 * life, both fitted to the machines that were kept from its training. Early stopping chose the network on the same
 * machines, so that they flatter it a little. And beside it, the simple models that stand in for it, and what it was trained on and
 * said of those machines, which drift is held against.
 */
import { modelMetadata } from './artifact.js';
import { type Calibration, calibrationMethods, fitCalibration } from './calibration/calibrate.js';
import { calibrateModel } from './calibration/calibration-graph.js';
import { addLifeInterval, fitLifeInterval, type LifeInterval } from './calibration/life-interval.js';
import { fitSimpleModels, type StoredSimpleModels } from './fallback/simple-models.js';
import { decodeModel, encodeModel } from './graph/model-file.js';
import { forecastKept, type KeptForecast } from './kept-forecasts.js';
import { buildForecast } from './network-graph.js';
import { networkMetadata } from './network-metadata.js';
import type { Engine } from './ports.js';
import { NetworkPredictor } from './predict.js';
import { forecastReference, makeReference, type Reference } from './reference.js';
import type { TrainedNetwork } from './trained-network.js';

export interface FinishedModel {
  readonly model: Uint8Array;
  readonly calibration: Calibration | undefined;
  readonly lifeInterval: LifeInterval | undefined;
  readonly simpleModels: StoredSimpleModels;
  readonly reference: Reference;
}

export async function finishModel(trained: TrainedNetwork, engine: Engine): Promise<FinishedModel> {
  const { shape, preprocessing, parameters, config, spec } = trained;
  const bare = buildForecast(
    shape,
    preprocessing,
    parameters,
    { ...modelMetadata(preprocessing), ...networkMetadata([shape]) },
    config.remainingLifeCapSteps,
  );
  const forecasts = await curvesOf(bare, trained, engine);

  const methods = calibrationMethods.filter(
    (method) => config.calibration === 'any' || config.calibration === method,
  );
  const calibration = fitCalibration(forecasts, methods);
  const lifeInterval =
    config.lifeCoverage > 0
      ? fitLifeInterval(forecasts, config.lifeCoverage, config.remainingLifeCapSteps)
      : undefined;
  let model = decodeModel(bare);
  if (calibration) model = calibrateModel(model, calibration);
  if (lifeInterval) model = addLifeInterval(model, lifeInterval);
  const bytes = encodeModel(model);
  const said = calibration ? await curvesOf(bytes, trained, engine) : forecasts;
  const simpleModels = fitSimpleModels(
    spec,
    trained.training,
    trained.keptOrigins.map((origin, index) => ({ origin, curve: (said[index] as KeptForecast).curve })),
  );
  const reference = {
    ...makeReference(spec, trained.training),
    forecasts: forecastReference(
      spec,
      said.map(({ curve }) => curve),
    ),
  };
  return { model: bytes, calibration, lifeInterval, simpleModels, reference };
}

/** What a model says of the origins that it was judged by. */
async function curvesOf(
  model: Uint8Array,
  { spec, keptOrigins, config }: TrainedNetwork,
  engine: Engine,
): Promise<KeptForecast[]> {
  const predictor = new NetworkPredictor('', spec, await engine.load(model));
  try {
    return await forecastKept(predictor, keptOrigins, config.remainingLifeCapSteps);
  } finally {
    await predictor.close();
  }
}
