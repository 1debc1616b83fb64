/** The steps of machines as drift looks at them: a series a machine, over its lives, without the days on which the plant was silent. */

import type { FeatureSpec, History } from '../../domain/features.js';
import { aggregateNames } from '../../domain/machine-type.js';

/** Steps in ascending time. */
export interface WatchedMachine {
  readonly machine: string;
  /** Ends of the steps. */
  readonly originsMs: readonly number[];
  /** [F] each. */
  readonly rows: readonly Float32Array[];
  /** True where maintenance, a failure or a new life lies between the step and the one before, or in it. */
  readonly resets: readonly boolean[];
}

/** The whole plant was silent from the end of one step to the end of another. */
export interface Silence {
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface WatchedFleet {
  readonly machines: readonly WatchedMachine[];
  readonly silences: readonly Silence[];
}

/** A sensor and the columns that tell its level and its noise; −1: none. Settings are chosen, and none of these. */
export interface SensorColumns {
  readonly sensor: string;
  readonly unit: string;
  readonly level: number;
  readonly noise: number;
}

/** The plant counts as silent where no more than this share of its machines speaks, and it has as many. */
const silentShare = 0.1;
const silentMachinesMin = 3;

export function watchFleet(spec: FeatureSpec, histories: readonly History[]): WatchedFleet {
  const byMachine = new Map<string, History[]>();
  for (const history of histories) {
    const own = byMachine.get(history.machine);
    if (own) own.push(history);
    else byMachine.set(history.machine, [history]);
  }
  const machines = [...byMachine]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([machine, own]) => watchMachine(spec, machine, own));
  const silent = silentOrigins(spec, machines);
  return {
    machines: machines.map((each) => keep(each, (index) => !silent.has(each.originsMs[index] as number))),
    silences: spansOf(silent, machines),
  };
}

/** Steps that end in a span. */
export function within(
  { machines }: Pick<WatchedFleet, 'machines'>,
  span: { readonly fromMs: number; readonly toMs: number },
): WatchedMachine[] {
  return machines.map((each) =>
    keep(each, (index) => {
      const originMs = each.originsMs[index] as number;
      return originMs >= span.fromMs && originMs <= span.toMs;
    }),
  );
}

export function sensorColumns(spec: FeatureSpec): SensorColumns[] {
  const columns = new Map<string, Map<string, number>>();
  spec.names.forEach((name, column) => {
    const [sensor = '', aggregate = ''] = name.split('.');
    if (!(aggregateNames as readonly string[]).includes(aggregate) || name.startsWith('event.')) return;
    columns.set(sensor, (columns.get(sensor) ?? new Map<string, number>()).set(aggregate, column));
  });
  return [...columns].flatMap(([sensor, own]) => {
    if (spec.settingColumns.some((column) => [...own.values()].includes(column))) return [];
    const level = ['mean', 'last', 'first', 'max', 'min'].find((aggregate) => own.has(aggregate));
    if (level === undefined) return [];
    const column = own.get(level) as number;
    return [{ sensor, unit: spec.units[column] ?? '', level: column, noise: own.get('std') ?? -1 }];
  });
}

function watchMachine(spec: FeatureSpec, machine: string, histories: readonly History[]): WatchedMachine {
  const featureCount = spec.names.length;
  const clocks = spec.names.flatMap((name, column) => (name.startsWith('since.') ? [column] : []));
  const steps = histories
    .flatMap(({ originsMs, rows, stepCount, eventDay }) =>
      Array.from({ length: stepCount }, (_, step) => ({
        originMs: originsMs[step]!,
        row: rows.subarray(step * featureCount, (step + 1) * featureCount),
        isFirst: step === 0,
        failsNext: eventDay[step] === 1,
      })),
    )
    .sort((a, b) => a.originMs - b.originMs);
  return {
    machine,
    originsMs: steps.map(({ originMs }) => originMs),
    rows: steps.map(({ row }) => row),
    resets: steps.map(({ row, isFirst }, index) => {
      const before = steps[index - 1];
      if (!before) return false;
      return (
        isFirst ||
        before.failsNext ||
        clocks.some((column) => isTurnedBack(before.row[column]!, row[column]!))
      );
    }),
  };
}

/** Of a clock that counts steps since something: it has happened again, or for the first time. */
function isTurnedBack(before: number, now: number): boolean {
  return !Number.isNaN(now) && (Number.isNaN(before) || now < before + 0.5);
}

function keep(
  { machine, originsMs, rows, resets }: WatchedMachine,
  isKept: (index: number) => boolean,
): WatchedMachine {
  const kept = originsMs.flatMap((_, index) => (isKept(index) ? [index] : []));
  return {
    machine,
    originsMs: kept.map((index) => originsMs[index] as number),
    rows: kept.map((index) => rows[index] as Float32Array),
    // What was reset in steps left out, is reset at the next one.
    resets: kept.map((index, place) =>
      resets.slice((kept[place - 1] ?? index - 1) + 1, index + 1).some((isReset) => isReset),
    ),
  };
}

function silentOrigins(spec: FeatureSpec, machines: readonly WatchedMachine[]): Set<number> {
  const columns = sensorColumns(spec).map(({ level }) => level);
  const all = new Set(machines.flatMap(({ originsMs }) => originsMs));
  const speaking = new Map<number, number>();
  for (const { originsMs, rows } of machines)
    originsMs.forEach((originMs, index) => {
      if (columns.some((column) => !Number.isNaN((rows[index] as Float32Array)[column])))
        speaking.set(originMs, (speaking.get(originMs) ?? 0) + 1);
    });
  return new Set(
    [...all].filter((originMs) => {
      const known = machines.filter(
        ({ originsMs }) => (originsMs[0] as number) <= originMs && (originsMs.at(-1) as number) >= originMs,
      ).length;
      return known >= silentMachinesMin && (speaking.get(originMs) ?? 0) <= silentShare * known;
    }),
  );
}

/** Neighbouring silent steps as spans. */
function spansOf(silent: ReadonlySet<number>, machines: readonly WatchedMachine[]): Silence[] {
  const spans: { fromMs: number; untilMs: number }[] = [];
  let beforeMs: number | undefined;
  let isGoingOn = false;
  for (const originMs of [...new Set(machines.flatMap(({ originsMs }) => originsMs))].sort((a, b) => a - b)) {
    if (silent.has(originMs)) {
      const last = spans.at(-1);
      if (isGoingOn && last) last.untilMs = originMs;
      else spans.push({ fromMs: beforeMs ?? originMs, untilMs: originMs });
    }
    isGoingOn = silent.has(originMs);
    beforeMs = originMs;
  }
  return spans;
}
