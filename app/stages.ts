/** The stages, made once for the live pipeline and once for each replay: there is no second wiring. */
import { makeAlertStage } from '../alerts/alert-stage.js';
import { bindRules, measuresOf } from '../alerts/rule.js';
import type { Predictor } from '../domain/features.js';
import type { ForecastRecord } from '../domain/forecast.js';
import type { PartitionHandler, PartitionId } from '../domain/log.js';
import { topics } from '../domain/topics.js';
import type { ValuePredictor } from '../domain/values.js';
import { makeForecastStage } from '../stream/forecast-stage.js';
import { makeStepStage } from '../stream/step-stage.js';
import type { Deployment } from './config.js';
import { groups } from './groups.js';

/** Records that a stage is given at a time: bounds memory, how long nothing else is done, and the time between checkpoints. */
export const batchRecordsMax = 1000;
/** Records of a single reading are small. Batches are full only while a stage is behind, and then fewer checkpoints help. */
const inputBatchRecordsMax = 5000;

export interface Stage {
  /** Consumer group. */
  readonly name: string;
  readonly topic: string;
  readonly batchRecordsMax: number;
  handlerFor(partition: PartitionId): PartitionHandler;
}

/** From inputs to steps. */
export function stepStage(deployment: Deployment): Stage {
  const { types } = deployment;
  const handlerFor = makeStepStage({ types, checkpointRecordsMax: 20_000 });
  return { name: groups.stream, topic: topics.inputs, batchRecordsMax: inputBatchRecordsMax, handlerFor };
}

/** From steps to forecasts; a type without a predictor gets forecasts that say so. */
export function forecastStage(
  deployment: Deployment,
  predictors: Pick<ReadonlyMap<string, Predictor>, 'get'>,
  values?: Pick<ReadonlyMap<string, ValuePredictor>, 'get'>,
  shadows?: Pick<ReadonlyMap<string, Predictor>, 'get'>,
  onForecast?: (forecast: ForecastRecord) => void,
): Stage {
  const { types, directory } = deployment;
  const rules = bindRules(deployment.config.alerts, [...types.values()]);
  const handlerFor = makeForecastStage({
    types,
    directory,
    measuresOf: (type) => measuresOf(rules.get(type) ?? []),
    predictorFor: (type) => predictors.get(type),
    ...(values ? { valuePredictorFor: (type) => values.get(type) } : {}),
    ...(shadows ? { shadowFor: (type) => shadows.get(type) } : {}),
    onForecast,
    batchWindowsMax: 1024,
  });
  return { name: groups.model, topic: topics.steps, batchRecordsMax, handlerFor };
}

/** From forecasts to alert transitions. */
export function alertStage(deployment: Deployment): Stage {
  const handlerFor = makeAlertStage({
    config: deployment.config.alerts,
    types: [...deployment.types.values()],
  });
  return { name: groups.alerts, topic: topics.forecasts, batchRecordsMax, handlerFor };
}
