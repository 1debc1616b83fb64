/** The record of what was said of a window, whoever said it. */
import { expectedDay, type ForecastRecord } from '../domain/forecast.js';
import type { IssuedWindow } from './window-operator.js';

type SaidOfWindow = Pick<ForecastRecord, 'status' | 'reason' | 'model' | 'probabilities'> &
  Pick<ForecastRecord, 'rung' | 'measured' | 'curve' | 'values'>;

export function forecastRecord(
  window: IssuedWindow,
  stepOffset: number,
  { status, reason, model, probabilities, rung, measured, curve, values }: SaidOfWindow,
): ForecastRecord {
  const { machine, type, site, line, originMs, stepIndex, revision, coverage } = window;
  const { silentSensors, stuckSensors } = window;
  return {
    kind: 'forecast',
    machine,
    type,
    site,
    line,
    originMs,
    stepIndex,
    revision,
    status,
    reason,
    model,
    ...(rung ? { rung } : {}),
    ...(stuckSensors.length > 0 ? { stuckSensors } : {}),
    ...(measured ? { measured } : {}),
    ...(curve ? { curve } : {}),
    probabilities,
    expectedDay: expectedDay(probabilities),
    coverage,
    silentSensors,
    stepOffset,
    ...(values ? { values } : {}),
  };
}
