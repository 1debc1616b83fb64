/** The raw features of a step: which there are follows from the machine type, in this order and no other. */
import type { FeatureSpec } from '../domain/features.js';
import {
  type AggregateName,
  aggregatesOf,
  attributeNumber,
  type MachineType,
} from '../domain/machine-type.js';
import type { SensorAggregate, StepRecord } from '../domain/step.js';
import { calendarFeatureNames, makeCalendarFeatures } from './calendar-features.js';
import { makeStepCalendar } from './step-calendar.js';

/**
 * Names, units and extent of the features of a machine type: per sensor its aggregates, `event.CODE` counts,
 * `since.KIND` in steps, one-hot `attr.NAME=VALUE` or the number `attr.NAME`, `calendar.NAME.sin` and `.cos`; and where failures end lives `age`, the ordinal of the step in the
 * life, from 0 (elsewhere it would only tell for how long there have been readings, and grow beyond all training data).
 */
export function featureSpec(type: MachineType): FeatureSpec {
  const columns: { readonly name: string; readonly unit: string }[] = [];
  const settingColumns: number[] = [];
  for (const sensor of type.sensors) {
    const aggregates = aggregatesOf(sensor, type);
    // The regime is named by the mean of a setting, or by what there is of it.
    if (sensor.setting) settingColumns.push(columns.length + Math.max(0, aggregates.indexOf('mean')));
    for (const aggregate of aggregates)
      columns.push({
        name: `${sensor.name}.${aggregate}`,
        unit: aggregate === 'slope' ? `${sensor.unit}/step` : sensor.unit,
      });
  }
  for (const code of type.eventCodes) columns.push({ name: `event.${code}`, unit: '' });
  for (const kind of type.maintenanceKinds) columns.push({ name: `since.${kind}`, unit: 'steps' });
  if (type.failureEndsLife) columns.push({ name: 'age', unit: 'steps' });
  for (const { name, values, unit } of type.attributes)
    if (values === undefined) columns.push({ name: `attr.${name}`, unit });
    else for (const value of values) columns.push({ name: `attr.${name}=${value}`, unit: '' });
  for (const name of calendarFeatureNames(type)) columns.push({ name, unit: '' });
  return {
    machineType: type.name,
    names: columns.map(({ name }) => name),
    units: columns.map(({ unit }) => unit),
    settingColumns,
    windowSteps: type.windowSteps,
    contextSteps: type.contextSteps,
    horizonSteps: type.horizonSteps,
    ...(type.plannedVisits ? { plannedVisits: type.plannedVisits } : {}),
  };
}

/** Writes the features of a step to `out` from `at` on; what is missing is NaN. Returns the place after them. */
export type FeatureWriter = (
  step: Pick<StepRecord, 'sensors' | 'eventCounts' | 'maintenanceAges' | 'stepIndex'> & {
    /** null: nobody knows when, and what the calendar says is missing. */
    readonly startMs: number | null;
  },
  attributes: Readonly<Record<string, string>>,
  out: Float32Array,
  at: number,
) => number;

export function makeFeatureWriter(type: MachineType): FeatureWriter {
  const { nominalMs } = makeStepCalendar(type.step);
  const columns = type.sensors.flatMap((sensor, place) =>
    aggregatesOf(sensor, type).map((aggregate) => ({ place, aggregate })),
  );
  const calendar = makeCalendarFeatures(type);
  const unknownCalendar = calendarFeatureNames(type).map(() => Number.NaN);
  return (step, attributes, out, start) => {
    let at = start;
    for (const { place, aggregate } of columns) {
      const sensor = step.sensors[place];
      out[at++] = sensor ? aggregateValue(sensor, aggregate, nominalMs) : Number.NaN;
    }
    for (const count of step.eventCounts) out[at++] = count;
    for (const age of step.maintenanceAges) out[at++] = age ?? Number.NaN;
    if (type.failureEndsLife) out[at++] = step.stepIndex;
    for (const { name, values } of type.attributes)
      if (values === undefined) out[at++] = attributeNumber(attributes[name]);
      else for (const value of values) out[at++] = attributes[name] === value ? 1 : 0;
    for (const value of step.startMs === null ? unknownCalendar : calendar(step.startMs)) out[at++] = value;
    return at;
  };
}

/** Slope is the least-squares slope over time, per ordinary step (24 hours for calendar days). */
function aggregateValue(sensor: SensorAggregate, name: AggregateName, nominalMs: number): number {
  switch (name) {
    case 'mean':
    case 'min':
    case 'max':
    case 'first':
    case 'last':
      return sensor[name];
    case 'std': // of the readings as they are, not an estimate for more: divided by n
      return Math.sqrt(sensor.m2 / sensor.count);
    case 'range':
      return sensor.max - sensor.min;
    case 'slope':
      return sensor.timeM2 > 0 ? (sensor.timeValueM / sensor.timeM2) * nominalMs : Number.NaN;
  }
}
