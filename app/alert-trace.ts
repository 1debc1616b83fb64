/**
 * Where each transition of an alert came from, read back from the log: forecast → newest step of its window → readings in
 * `inputs`. The log keeps alerts and steps for good, forecasts and readings as long as it is told to.
 */
import { type AlertRecord, readAlertId } from '../domain/alert.js';
import { UserError } from '../domain/errors.js';
import type { ForecastRecord } from '../domain/forecast.js';
import type { Log } from '../domain/log.js';
import type { StepRecord } from '../domain/step.js';
import { decodeRecord, partitionOf, topics } from '../domain/topics.js';

export interface TracedTransition {
  readonly alert: AlertRecord;
  /** Partition of all that follows. */
  readonly partition: number;
  /** null: an event or the passing of time made the transition, or the log no longer has it. */
  readonly forecast: ForecastRecord | null;
  readonly step: StepRecord | null;
}

/** The transitions of an alert, the first one first. Throws UserError where the log has none. */
export async function traceAlert(log: Log, alertId: string): Promise<readonly TracedTransition[]> {
  const { machine = '' } = readAlertId(alertId) ?? {};
  const statuses = await log.status(topics.alerts);
  const partition = partitionOf(machine, statuses.length);
  const { beginOffset = 0 } = statuses.find((status) => status.partition === partition) ?? {};
  const traced: TracedTransition[] = [];
  for await (const record of log.read({ topic: topics.alerts, partition }, beginOffset)) {
    const alert = decodeRecord(topics.alerts, record);
    if (alert.alertId !== alertId) continue;
    const { trace } = alert;
    const forecast = trace ? await forecastAt(log, partition, trace.forecastOffset, alert) : null;
    const step = forecast ? await stepAt(log, partition, forecast) : null;
    traced.push({ alert, partition, forecast, step });
  }
  if (traced.length === 0)
    throw new UserError(`the log has no alert ${alertId}; their ids are on the page and at /api/v1/alerts`);
  return traced;
}

async function forecastAt(
  log: Log,
  partition: number,
  offset: number,
  { machine }: AlertRecord,
): Promise<ForecastRecord | null> {
  for await (const record of log.read({ topic: topics.forecasts, partition }, offset, offset + 1)) {
    const forecast = decodeRecord(topics.forecasts, record);
    if (forecast.kind === 'forecast' && forecast.machine === machine) return forecast;
  }
  return null;
}

async function stepAt(
  log: Log,
  partition: number,
  { machine, stepOffset }: ForecastRecord,
): Promise<StepRecord | null> {
  for await (const record of log.read({ topic: topics.steps, partition }, stepOffset, stepOffset + 1)) {
    const step = decodeRecord(topics.steps, record);
    if (step.kind === 'step' && step.machine === machine) return step;
  }
  return null;
}
