/**
 * Windows that people and programs write down themselves, as features by name or as the readings of each step, made
 * into what the network reads. Readings go through the aggregates and the features of the live stages.
 */
import { aggregateSize } from '../domain/aggregate-view.js';
import { UserError } from '../domain/errors.js';
import type { FeatureSpec, FeatureWindow } from '../domain/features.js';
import { attributeNumber, type MachineType } from '../domain/machine-type.js';
import type { SensorAggregate } from '../domain/step.js';
import { addReading, readAggregates } from './aggregate.js';
import { featureSpec, makeFeatureWriter } from './features.js';
import { makeStepCalendar } from './step-calendar.js';
import { coverageSteps } from './window-operator.js';

/** Features by name; one that is left out or null is missing. */
export type FeatureRow = Readonly<Record<string, number | null>>;

/** What happened in one step. */
export interface StepValues {
  /**
   * Readings by sensor: one, or several in the order of time, which count as evenly spread over the step; a sensor that is
   * left out or null has none.
   */
  readonly sensors: Readonly<Record<string, number | readonly number[] | null>>;
  /** Events by code; none of those left out. */
  readonly events: Readonly<Record<string, number>>;
  /** Steps since the last maintenance, by kind, at the end of the step; null or left out: there was none. */
  readonly since: Readonly<Record<string, number | null>>;
}

/**
 * The newest C rows as a window. UserError, with `where` in front, for a name that is no feature.
 * Rows are oldest first.
 */
export function windowOfRows(spec: FeatureSpec, rows: readonly FeatureRow[], where: string): FeatureWindow {
  const columns = new Map(spec.names.map((name, column) => [name, column]));
  return fillWindow(spec, rows.length, (index, row) => {
    for (const [name, value] of Object.entries(rows[index] as FeatureRow)) {
      const column = columns.get(name);
      if (column === undefined)
        throw new UserError(
          `${where}: row ${index + 1} has "${name}", which is no feature of ${spec.machineType}; features: ${spec.names.join(', ')}`,
        );
      if (value !== null) row[column] = value;
    }
  });
}

/** As windowOfRows, for rows that give every feature in the order of `spec.names`. */
export function windowOfValues(
  spec: FeatureSpec,
  values: readonly (readonly (number | null)[])[],
  where: string,
): FeatureWindow {
  return fillWindow(spec, values.length, (index, row) => {
    const given = values[index] as readonly (number | null)[];
    if (given.length !== row.length)
      throw new UserError(
        `${where}: row ${index + 1} has ${given.length} values, ${spec.machineType} has ${row.length} features: ${spec.names.join(', ')}`,
      );
    row.set(given.map((value) => value ?? Number.NaN));
  });
}

/**
 * The window of a machine from what happened in its newest steps, oldest first. `age`: ordinal of the newest step in the
 * machine's life, from 0. UserError, with `where` in front, for a sensor, code, kind or attribute that the type does
 * not have.
 */
export function windowOfSteps(
  type: MachineType,
  steps: readonly StepValues[],
  about: { readonly age: number; readonly attributes: Readonly<Record<string, string>> },
  where: string,
): FeatureWindow {
  const attributes = new Map(type.attributes.map(({ name, values }) => [name, values]));
  checkNames(where, 'attribute', about.attributes, [...attributes.keys()], type);
  for (const [name, value] of Object.entries(about.attributes)) {
    const values = attributes.get(name);
    if (values ? !values.includes(value) : !Number.isFinite(attributeNumber(value)))
      throw new UserError(
        `${where}: attribute ${name} is "${value}"; ${values ? `${type.name} knows ${values.join(', ')}` : 'write a number'}`,
      );
  }
  if (about.age < steps.length - 1)
    throw new UserError(
      `${where}: a machine whose newest step has the age ${about.age} has had ${about.age + 1} steps, not ${steps.length}`,
    );
  const write = makeFeatureWriter(type);
  const { nominalMs } = makeStepCalendar(type.step);
  return fillWindow(featureSpec(type), steps.length, (index, row) => {
    const step = steps[index] as StepValues;
    const at = `${where}: step ${index + 1}`;
    checkNames(
      at,
      'sensor',
      step.sensors,
      type.sensors.map(({ name }) => name),
      type,
    );
    checkNames(at, 'event code', step.events, type.eventCodes, type);
    checkNames(at, 'maintenance kind', step.since, type.maintenanceKinds, type);
    write(
      {
        sensors: type.sensors.map(({ name }) => aggregateOf(step.sensors[name] ?? [], nominalMs)),
        eventCounts: type.eventCodes.map((code) => step.events[code] ?? 0),
        maintenanceAges: type.maintenanceKinds.map((kind) => step.since[kind] ?? null),
        stepIndex: about.age - (steps.length - 1 - index),
        startMs: null,
      },
      about.attributes,
      row,
      0,
    );
  });
}

/**
 * Share of the sensors that have a value, in [0, 1], mean over the newest `coverageSteps` steps of a window: what there is
 * to say about coverage where readings were not counted.
 */
export function windowCoverage(type: MachineType, { rows, stepCount }: FeatureWindow): number {
  const { names } = featureSpec(type);
  const columns = type.sensors.map(({ name }) =>
    names.flatMap((feature, column) => (feature.startsWith(`${name}.`) ? [column] : [])),
  );
  const steps = Math.min(coverageSteps, stepCount);
  let present = 0;
  for (let step = 1; step <= steps; step++) {
    const at = rows.length - step * names.length;
    for (const own of columns) if (own.some((column) => !Number.isNaN(rows[at + column]))) present += 1;
  }
  return present / (steps * columns.length);
}

/** [C, F] of the newest rows, each written by `fill(index of the row, its place)`. */
function fillWindow(
  { contextSteps, names }: FeatureSpec,
  rowCount: number,
  fill: (index: number, row: Float32Array) => void,
): FeatureWindow {
  const stepCount = Math.min(rowCount, contextSteps);
  const rows = new Float32Array(contextSteps * names.length).fill(Number.NaN);
  for (let back = 1; back <= stepCount; back++) {
    const at = (contextSteps - back) * names.length;
    fill(rowCount - back, rows.subarray(at, at + names.length));
  }
  return { rows, stepCount };
}

function aggregateOf(readings: number | readonly number[], stepMs: number): SensorAggregate | null {
  const values = typeof readings === 'number' ? [readings] : readings;
  const aggregate = new Float64Array(aggregateSize);
  values.forEach((value, index) => {
    addReading(aggregate, 0, ((index + 0.5) / values.length) * stepMs, value, false);
  });
  return readAggregates(aggregate)[0] ?? null;
}

function checkNames(
  where: string,
  what: string,
  given: Readonly<Record<string, unknown>>,
  known: readonly string[],
  { name }: MachineType,
): void {
  const wrong = Object.keys(given).find((each) => !known.includes(each));
  if (wrong !== undefined)
    throw new UserError(
      `${where} has ${what} "${wrong}", which ${name} does not have; it has ${known.join(', ') || 'none'}`,
    );
}
