/** How far the days of a plant are from those that its network was trained on, and what of it is no chance: the work behind `millwright drift`. */
import { holm, rateTest } from '../backtest/drift/family-tests.js';
import {
  driftLimits,
  type FeatureDrift,
  fleetDrift,
  machineDistances,
} from '../backtest/drift/fleet-drift.js';
import { type SensorChange, sensorChanges } from '../backtest/drift/sensor-changes.js';
import { type Silence, type WatchedMachine, watchFleet, within } from '../backtest/drift/watched.js';
import { type WearingSensor, wearingSensors, wears } from '../backtest/drift/wear.js';
import { UserError } from '../domain/errors.js';
import type { FeatureSpec, History } from '../domain/features.js';
import type { ForecastRecord } from '../domain/forecast.js';
import {
  attributesIn,
  failuresIn,
  forecastColumns,
  measuredColumns,
  type Reference,
} from '../model/reference.js';
import { calendarPeriods, type PeriodLength } from './calendar-periods.js';
import type { Period } from './forecaster-records.js';

export interface DriftRequest {
  readonly spec: FeatureSpec;
  readonly timeZone: string;
  /** Of one machine type; older days too, which tell what sensors were like before they changed. */
  readonly histories: readonly History[];
  /** By the network that the reference is of. */
  readonly forecasts: readonly ForecastRecord[];
  readonly reference: Reference;
  /** What is held against the reference. */
  readonly period: Period;
  readonly by: PeriodLength;
}

export interface FailureDrift {
  readonly count: number;
  /** Machine-steps whose outcome is known. */
  readonly days: number;
  readonly rate: number | null;
  readonly rateThen: number | null;
  /** Adjusted for all periods. */
  readonly p: number;
  readonly verdict: 'steady' | 'drifted';
}

export interface DriftSpan {
  readonly name: string;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly rowCount: number;
  readonly machineCount: number;
  readonly features: readonly FeatureDrift[];
  /** Of the forecasts, against those of validation; empty where there are none. */
  readonly forecasts: readonly FeatureDrift[];
  readonly failures: FailureDrift;
}

export interface MachineDrift {
  readonly machine: string;
  /** Whether the reference has rows of its own; else it is held against the fleet's. */
  readonly isKnown: boolean;
  readonly rowCount: number;
  /** The feature that is furthest away, by its KS distance. */
  readonly furthest: { readonly feature: string; readonly psi: number; readonly ks: number } | null;
  /** Sensors that have gone steadily one way since the last maintenance. */
  readonly wearing: readonly WearingSensor[];
  readonly verdict: 'sensor-changed' | 'wears' | 'differs' | 'as-in-training';
}

export interface DriftReport {
  readonly type: string;
  readonly reference: { readonly firstMs: number; readonly lastMs: number; readonly machineCount: number };
  readonly whole: DriftSpan;
  readonly periods: readonly DriftSpan[];
  /** Sensors that were replaced, rescaled or fell silent. */
  readonly sensors: readonly SensorChange[];
  readonly machines: readonly MachineDrift[];
  /** The whole plant said nothing; these days are left out. */
  readonly silences: readonly Silence[];
  /** Attributes and event codes that training had none of. */
  readonly newCategories: readonly string[];
}

/** From this KS distance on, a machine differs from what it was. */
const differsFrom = 0.5;

/** Throws UserError where no day lies in the period, or the reference is of other features. */
export function findDrift(request: DriftRequest): DriftReport {
  const { spec, histories, reference, period } = request;
  const measured = measuredColumns(spec);
  checkSame(reference, spec);
  const columns = measured.map(({ column }) => column);
  const fleet = watchFleet(spec, histories);
  const speaking = (machines: readonly WatchedMachine[]) => machines.filter(({ rows }) => rows.length > 0);
  const watched = speaking(within(fleet, period));
  if (watched.length === 0)
    throw new UserError(
      `nothing is known of machines of type ${spec.machineType} after ${new Date(reference.lastMs).toISOString().slice(0, 10)}, up to which the network was trained: wait for later days, or choose others with --from`,
    );
  const times = watched.flatMap(({ originsMs }) => [originsMs[0] as number, originsMs.at(-1) as number]);
  const span = { fromMs: Math.min(...times), toMs: Math.max(...times) };
  const periods = [
    { name: 'all', ...span },
    // An origin is the end of its step: the first of a period ends with the first day in it.
    ...calendarPeriods({ fromMs: span.fromMs - 1, toMs: span.toMs - 1 }, request.by, request.timeZone).map(
      ({ name, fromMs, toMs }) => ({
        name,
        fromMs: Math.max(fromMs + 1, span.fromMs),
        toMs: Math.min(toMs + 1, span.toMs),
      }),
    ),
  ]
    .map((each) => ({ ...each, machines: speaking(within({ machines: watched }, each)) }))
    .filter(({ machines }) => machines.length > 0);
  const features = fleetDrift(
    reference,
    columns,
    periods.map(({ machines }) => machines),
  );
  const forecasts = forecastDrift(request, periods);
  const failures = failureDrift(reference, histories, periods);
  const spans = periods.map(
    ({ name, fromMs, toMs, machines }, index): DriftSpan => ({
      name,
      firstMs: fromMs,
      lastMs: toMs,
      rowCount: machines.reduce((sum, { rows }) => sum + rows.length, 0),
      machineCount: machines.length,
      features: features[index] as FeatureDrift[],
      forecasts: forecasts[index] ?? [],
      failures: failures[index] as FailureDrift,
    }),
  );
  const sdOf = (column: number) => reference.features[columns.indexOf(column)]?.sd ?? 0;
  const sensors = sensorChanges(spec, fleet, sdOf).filter(
    ({ byMs }) => byMs >= span.fromMs && byMs <= span.toMs,
  );
  const wearing = wearingSensors(spec, watched, sdOf);
  return {
    type: spec.machineType,
    reference: {
      firstMs: reference.firstMs,
      lastMs: reference.lastMs,
      machineCount: reference.machines.length,
    },
    whole: spans[0] as DriftSpan,
    periods: spans.slice(1),
    sensors,
    machines: watched.map((machine, index) =>
      describeMachine(request, columns, machine, { sensors, wearing: wearing[index] ?? [] }),
    ),
    silences: fleet.silences.filter(({ untilMs }) => untilMs >= span.fromMs),
    newCategories: newCategories(request, watched),
  };
}

function describeMachine(
  { reference }: DriftRequest,
  columns: readonly number[],
  machine: WatchedMachine,
  { sensors, wearing }: Pick<DriftReport, 'sensors'> & Pick<MachineDrift, 'wearing'>,
): MachineDrift {
  const { isKnown, features } = machineDistances(reference, columns, machine);
  let furthest: MachineDrift['furthest'] = null;
  features.forEach(({ psi, ks }, index) => {
    const feature = reference.features[index]?.name as string;
    if (psi !== null && ks !== null && ks > (furthest?.ks ?? 0)) furthest = { feature, psi, ks };
  });
  const isChanged = sensors.some((change) => change.machine === machine.machine);
  const verdictOf = (): MachineDrift['verdict'] => {
    if (isChanged) return 'sensor-changed';
    if (wears(wearing)) return 'wears';
    return ((furthest as MachineDrift['furthest'])?.ks ?? 0) >= differsFrom ? 'differs' : 'as-in-training';
  };
  return {
    machine: machine.machine,
    isKnown,
    rowCount: machine.rows.length,
    furthest,
    wearing,
    verdict: verdictOf(),
  };
}

function forecastDrift(
  { reference, forecasts, spec }: DriftRequest,
  periods: readonly Period[],
): FeatureDrift[][] {
  if (!reference.forecasts || forecasts.length === 0) return [];
  const days = forecastColumns(spec).map(({ day }) => day);
  const machines = new Map<string, { originsMs: number[]; rows: Float32Array[]; resets: boolean[] }>();
  for (const { machine, originMs, probabilities } of forecasts) {
    const own = machines.get(machine) ?? { originsMs: [], rows: [], resets: [] };
    own.originsMs.push(originMs);
    own.rows.push(Float32Array.from(days, (day) => probabilities[day - 1] ?? Number.NaN));
    own.resets.push(false);
    machines.set(machine, own);
  }
  const watched = { machines: [...machines].map(([machine, own]) => ({ machine, ...own })) };
  return fleetDrift(
    { features: reference.forecasts, machines: [] },
    days.map((_, index) => index),
    periods.map((each) => within(watched, each)),
  );
}

function failureDrift(
  { failures: then }: Reference,
  histories: readonly History[],
  periods: readonly Period[],
): FailureDrift[] {
  const now = periods.map(({ fromMs, toMs }) =>
    failuresIn(
      histories.map(({ originsMs, eventDay, knownDays }) => {
        const isIn = (_: number, step: number) => originsMs[step]! >= fromMs && originsMs[step]! <= toMs;
        return { eventDay: eventDay.filter(isIn), knownDays: knownDays.filter(isIn) };
      }),
    ),
  );
  const adjusted = holm(
    now.map(({ count, days }) =>
      days === 0 || then.days === 0
        ? 1
        : rateTest({ count, exposure: days }, { count: then.count, exposure: then.days }),
    ),
  );
  return now.map(({ count, days }, index) => ({
    count,
    days,
    rate: days === 0 ? null : count / days,
    rateThen: then.days === 0 ? null : then.count / then.days,
    p: adjusted[index] as number,
    verdict: (adjusted[index] as number) <= driftLimits.p ? 'drifted' : 'steady',
  }));
}

/** In the period; deterministic, so that nothing is tested. */
function newCategories(
  { spec, histories, reference, period }: DriftRequest,
  watched: readonly WatchedMachine[],
): string[] {
  const late = histories.filter(({ originsMs }) => (originsMs.at(-1) ?? 0) >= period.fromMs);
  const attributes = attributesIn(spec, late).filter((name) => !reference.attributes.includes(name));
  const codes = reference.features
    .filter(({ name, edges, mean }) => name.startsWith('event.') && edges.length === 0 && mean === 0)
    .map(({ name }) => name)
    .filter((name) => {
      const column = spec.names.indexOf(name);
      return watched.some(({ rows }) => rows.some((row) => row[column]! > 0));
    });
  return [...attributes, ...codes];
}

function checkSame(reference: Reference, spec: FeatureSpec): void {
  const names = measuredColumns(spec).map(({ name }) => name);
  const other = names.find((name, index) => reference.features[index]?.name !== name);
  if (other === undefined && names.length === reference.features.length) return;
  throw new UserError(
    `the network was trained on other features (${other ?? reference.features[names.length]?.name}) than machine type ${spec.machineType} has now: train it again`,
  );
}
