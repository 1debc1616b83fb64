/** Turns records of the domain into what goes over the wire. Pure. */
import type { AlertRecord } from '../../domain/alert.js';
import { curveOf, type ForecastRecord } from '../../domain/forecast.js';
import type { EventRecord } from '../../domain/input.js';
import type { MachineType } from '../../domain/machine-type.js';
import type { StepRecord } from '../../domain/step.js';
import type { FleetRow } from '../../domain/store.js';
import type {
  AlertWire,
  CountsWire,
  EventWire,
  ExplanationWire,
  ForecastWire,
  MachineTypeWire,
  MachineWire,
  SensorWire,
} from './wire.js';

const dayMs = 86_400_000;

/** Without the sensors' values, which are as much again as all else: one machine's page has them. */
export function presentForecast(forecast: ForecastRecord): ForecastWire {
  const { kind: _kind, stepOffset: _stepOffset, values: _values, ...rest } = forecast;
  return {
    ...rest,
    curve: curveOf(forecast),
    probabilities: forecast.probabilities.map((value) => Math.round(value * 1e4) / 1e4),
    coverage: Math.round(forecast.coverage * 1e4) / 1e4,
  };
}

export function presentAlert(alert: AlertRecord): AlertWire {
  const { kind: _kind, ...rest } = alert;
  return rest;
}

export function presentEvent(event: EventRecord): EventWire {
  const { kind: _kind, ...rest } = event;
  return rest;
}

export function presentType(type: MachineType): MachineTypeWire {
  return {
    name: type.name,
    description: type.description,
    stepMs: stepMsOf(type),
    timeZone: type.step.kind === 'calendar-day' ? type.step.timeZone : 'UTC',
    graceMs: type.graceMs,
    windowSteps: type.windowSteps,
    horizonSteps: type.horizonSteps,
    sensorCount: type.sensors.length,
  };
}

export function stepMsOf(type: MachineType | undefined): number {
  return type?.step.kind === 'fixed' ? type.step.durationMs : dayMs;
}

/** Severities people know, most urgent first; any other word ranks below them. */
const severityOrder = ['critical', 'warning'];
export function severityRank(severity: string): number {
  const index = severityOrder.indexOf(severity);
  return index < 0 ? 1 : severityOrder.length + 1 - index;
}

/** The alert that a row shows: the highest firing one, else what cannot be assessed, else what is pending. */
export function leadingAlert<T extends Pick<AlertWire, 'state' | 'severity' | 'sinceMs'>>(
  alerts: readonly T[],
): T | undefined {
  const stateRank = { firing: 3, 'not-assessable': 2, pending: 1, resolved: 0 };
  return [...alerts].sort(
    (a, b) =>
      stateRank[b.state] - stateRank[a.state] ||
      severityRank(b.severity) - severityRank(a.severity) ||
      a.sinceMs - b.sinceMs,
  )[0];
}

export type MachineState = 'firing' | 'not-assessable' | 'pending' | 'good';

/** One word for a machine; what fires wins over what cannot be assessed. */
export function stateOf(
  forecast: Pick<ForecastWire, 'status'>,
  alerts: readonly Pick<AlertWire, 'state' | 'severity' | 'sinceMs'>[],
): MachineState {
  const lead = leadingAlert(alerts);
  if (lead?.state === 'firing') return 'firing';
  if (forecast.status === 'not-assessable' || lead?.state === 'not-assessable') return 'not-assessable';
  return lead?.state === 'pending' ? 'pending' : 'good';
}

export function countStates(rows: readonly FleetRow[]): CountsWire {
  const firing: Record<string, number> = {};
  const counts = { machines: rows.length, notAssessable: 0, pending: 0, good: 0 };
  for (const { forecast, alerts } of rows) {
    const state = stateOf(forecast, alerts);
    if (state === 'firing') {
      const severity = leadingAlert(alerts)?.severity ?? '';
      firing[severity] = (firing[severity] ?? 0) + 1;
    } else if (state === 'not-assessable') counts.notAssessable++;
    else counts[state]++;
  }
  return { ...counts, firing };
}

/** Six significant digits: more than a chart shows. */
function shorten(value: number | undefined): number | null {
  return value === undefined ? null : Number(value.toPrecision(6));
}

/** Steps (newest first, as the store gives them) as one series per sensor, oldest first. */
export function presentSteps(
  stepsNewestFirst: readonly StepRecord[],
  type: MachineType | undefined,
): Pick<MachineWire, 'steps' | 'sensors' | 'unknownType'> {
  const steps = [...stepsNewestFirst].reverse();
  const sensorCount = Math.max(0, ...steps.map((step) => step.sensors.length));
  const sensors = Array.from({ length: type?.sensors.length ?? sensorCount }, (_, index): SensorWire => {
    const known = type?.sensors[index];
    const aggregates = steps.map((step) => step.sensors[index] ?? undefined);
    return {
      name: known?.name ?? `sensor ${index + 1}`,
      unit: known?.unit ?? '',
      min: known?.min ?? null,
      max: known?.max ?? null,
      means: aggregates.map((aggregate) => shorten(aggregate?.mean)),
      lows: aggregates.map((aggregate) => shorten(aggregate?.min)),
      highs: aggregates.map((aggregate) => shorten(aggregate?.max)),
      coverage: steps.map((step) => Math.round((step.coverage[index] ?? 0) * 100) / 100),
      stuck: steps.map((step) => step.stuck[index] ?? false),
      outOfRangeCounts: aggregates.map((aggregate) => aggregate?.outOfRangeCount ?? 0),
    };
  });
  return {
    steps: steps.map(({ startMs, endMs, final }) => ({ startMs, endMs, final })),
    sensors,
    unknownType: type === undefined,
  };
}

export interface ExplainedGroup {
  readonly group: string;
  /** As long as the window's steps. */
  readonly attributions: readonly number[];
  readonly total: number;
}

/** The features of a sensor together, the greatest movement first. */
export function explainedGroups({
  features,
  stepEndsMs,
}: Pick<ExplanationWire, 'features' | 'stepEndsMs'>): ExplainedGroup[] {
  const groups = new Map<string, number[]>();
  for (const { group, attributions } of features) {
    const sums = groups.get(group) ?? stepEndsMs.map(() => 0);
    groups.set(
      group,
      sums.map((sum, step) => sum + (attributions[step] ?? 0)),
    );
  }
  return [...groups]
    .map(([group, attributions]) => ({
      group,
      attributions,
      total: attributions.reduce((sum, value) => sum + value, 0),
    }))
    .sort((a, b) => Math.abs(b.total) - Math.abs(a.total));
}
