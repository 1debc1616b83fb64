/**
 * How records lie in InfluxDB (docs/decisions/0009). Each point carries the whole record as JSON in the field
 * `record`, which is what this store reads back, and beside it what dashboards ask for.
 *
 * Identity is tags and time. Steps, forecasts and alerts may have several points at one moment, one per revision or
 * transition: it stands in the nanoseconds, so that writing again changes nothing, no lower revision can replace a higher
 * one, and the last point of a series is the newest origin in its highest revision.
 */
import type { AlertRecord } from '../../domain/alert.js';
import { curveOf, type ForecastRecord, probabilityWithin } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import type { MachineType } from '../../domain/machine-type.js';
import { packStep } from '../../domain/packed-step.js';
import { type StepRecord, stepCoverage } from '../../domain/step.js';
import type { InfluxConfig } from './config.js';
import { type FieldValue, nanoseconds, point, tagSet, Whole } from './line-protocol.js';

export const measurements = {
  forecasts: 'failure_forecast',
  curves: 'failure_curve',
  steps: 'machine_step',
  events: 'machine_event',
  alerts: 'alert',
} as const;

/** Horizons that dashboards draw over the origins. */
const shownDays = [7, 14, 30];

export function forecastPoint(forecast: ForecastRecord): string | undefined {
  const { probabilities, expectedDay } = forecast;
  // Of a health index: under names of their own, so that no panel takes them for failures.
  const prefix = curveOf(forecast) === 'failure' ? 'p' : 'limit';
  const fields: Record<string, FieldValue> = {};
  for (const days of new Set([
    ...shownDays.filter((days) => days <= probabilities.length),
    probabilities.length,
  ]))
    fields[prefix + String(days).padStart(2, '0')] = probabilityWithin(forecast, days);
  return point(
    measurements.forecasts,
    tagSet({ ...placeTags(forecast), model: forecast.model }),
    {
      ...fields,
      coverage: forecast.coverage,
      expected_day: expectedDay === null ? null : new Whole(expectedDay),
      health_index: forecast.values?.healthIndex,
      reason: forecast.reason === '' ? null : forecast.reason,
      record: JSON.stringify(forecast),
      revision: new Whole(forecast.revision),
      status: forecast.status,
    },
    nanoseconds(forecast.originMs, forecast.revision),
  );
}

/**
 * The curve of a forecast, a point at the end of each day it speaks of. `ends` of the days, ascending; those from
 * `beforeMs` on are left out, because a newer forecast speaks of them.
 */
export function curvePoints(forecast: ForecastRecord, ends: readonly number[], beforeMs: number): string[] {
  const tags = tagSet(placeTags(forecast));
  const name = curveOf(forecast) === 'failure' ? 'probability' : 'limit_probability';
  const lines: string[] = [];
  for (let day = 0; day < ends.length && (ends[day] as number) < beforeMs; day++) {
    const fields = { issued_at: new Whole(forecast.originMs), [name]: forecast.probabilities[day] };
    const line = point(measurements.curves, tags, fields, nanoseconds(ends[day] as number));
    if (line !== undefined) lines.push(line);
  }
  return lines;
}

/** Fields of the sensors are named as the features are; without the machine type there are none. */
export function stepPoint(
  step: StepRecord,
  type: MachineType | undefined,
  sensorFields: InfluxConfig['sensorFields'],
): string | undefined {
  const fields: Record<string, FieldValue> = {};
  let readings = 0;
  let outOfRange = 0;
  step.sensors.forEach((sensor, index) => {
    if (!sensor) return;
    readings += sensor.count;
    outOfRange += sensor.outOfRangeCount;
    const name = type?.sensors[index]?.name;
    if (name !== undefined) for (const field of sensorFields) fields[`${name}.${field}`] = sensor[field];
  });
  return point(
    measurements.steps,
    tagSet(placeTags(step)),
    {
      ...fields,
      coverage: stepCoverage(step),
      final: step.final,
      out_of_range: new Whole(outOfRange),
      readings: new Whole(readings),
      record: JSON.stringify(packStep(step)),
      revision: new Whole(step.revision),
      silent: new Whole(step.sensors.filter((sensor) => sensor === null).length),
      stuck: new Whole(step.stuck.filter((stuck) => stuck).length),
    },
    nanoseconds(step.startMs, step.revision),
  );
}

export function eventPoint(event: EventRecord): string | undefined {
  return point(
    measurements.events,
    tagSet({
      ...(event.alert !== undefined && { alert: event.alert }),
      code: event.code,
      event: event.event,
      ...placeTags(event),
    }),
    { by: event.by, comment: event.comment, record: JSON.stringify(event) },
    nanoseconds(event.eventTimeMs),
  );
}

export function alertPoint(alert: AlertRecord): string | undefined {
  return point(
    measurements.alerts,
    tagSet({ alert: alert.alertId, rule: alert.rule, ...placeTags(alert) }),
    {
      acknowledged_by: alert.acknowledgedBy,
      record: JSON.stringify(alert),
      severity: alert.severity,
      state: alert.state,
      summary: alert.summary,
      transition: alert.transition,
      value: alert.value,
    },
    nanoseconds(alert.timeMs, alert.sequence),
  );
}

function placeTags(record: {
  readonly machine: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
}): { line: string; machine: string; site: string; type: string } {
  const { line, machine, site, type } = record;
  return { line, machine, site, type };
}
