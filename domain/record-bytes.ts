/**
 * Steps and forecasts as bytes: packed records (packed-record.ts) whose head is a list of what is no number, or seldom
 * there. Names of fields and numbers as text were half of the time of writing and reading a record. Heads that are objects,
 * with all but the packed numbers by name, are of earlier versions; they are still read.
 */
import type { Buffer } from 'node:buffer';
import { aggregateNumbers, viewAggregates } from './aggregate-view.js';
import type { ForecastRecord } from './forecast.js';
import { listOf } from './list-of.js';
import { packRecord, unpackRecord } from './packed-record.js';
import type { StepRecord } from './step.js';

/** Names, then how many numbers there are of each kind. */
type StepHead = readonly [
  machine: string,
  type: string,
  site: string,
  line: string,
  sensors: number,
  eventCounts: number,
  maintenanceAges: number,
  coverage: number,
  stuck: number,
];

/** For each sensor whether it has an aggregate. */
type NamedStepHead = Omit<StepRecord, 'sensors'> & { readonly sensors: readonly boolean[] };

/** Places of the numbers that every step has; behind them lie the lists, then the aggregates. */
const fixed = {
  startMs: 0,
  endMs: 1,
  stepIndex: 2,
  lifeStartMs: 3,
  revision: 4,
  final: 5,
  firstOffset: 6,
  lastOffset: 7,
} as const;
const fixedCount = 8;

let scratch = new Float64Array(1024);

export function encodeStep(step: StepRecord): Buffer {
  const { machine, type, site, line, sensors, eventCounts, maintenanceAges, coverage, stuck } = step;
  const lists = [sensors.length, eventCounts.length, maintenanceAges.length, coverage.length, stuck.length];
  const head = [machine, type, site, line, ...lists];
  const aggregates = aggregateNumbers(sensors);
  const length = fixedCount + lists.reduce((sum, count) => sum + count) + aggregates.length;
  if (length > scratch.length) scratch = new Float64Array(2 * length);
  const numbers = scratch;
  numbers[fixed.startMs] = step.startMs;
  numbers[fixed.endMs] = step.endMs;
  numbers[fixed.stepIndex] = step.stepIndex;
  numbers[fixed.lifeStartMs] = step.lifeStartMs;
  numbers[fixed.revision] = step.revision;
  numbers[fixed.final] = step.final ? 1 : 0;
  numbers[fixed.firstOffset] = step.firstOffset;
  numbers[fixed.lastOffset] = step.lastOffset;
  let at = fixedCount;
  for (const sensor of sensors) numbers[at++] = sensor ? 1 : 0;
  for (const count of eventCounts) numbers[at++] = count;
  for (const age of maintenanceAges) numbers[at++] = age ?? Number.NaN;
  for (const share of coverage) numbers[at++] = share;
  for (const isStuck of stuck) numbers[at++] = isStuck ? 1 : 0;
  numbers.set(aggregates, at);
  return packRecord(head, numbers.subarray(0, length));
}

export function decodeStep(bytes: Buffer): StepRecord {
  const { head, numbers } = unpackRecord(bytes);
  if (!Array.isArray(head)) {
    const named = head as NamedStepHead;
    return { ...named, sensors: viewAggregates(named.sensors, numbers, 0) };
  }
  const [machine, type, site, line, sensors, events, ages, shares, stuckCount] = head as unknown as StepHead;
  let at = fixedCount;
  const take = <T>(count: number, read: (number: number) => T): T[] => {
    const list = new Array<T>(count);
    for (let index = 0; index < count; index++) list[index] = read(numbers[at++] as number);
    return list;
  };
  const present = take(sensors, isSet);
  const eventCounts = take(events, itself);
  const maintenanceAges = take(ages, orNull);
  const coverage = take(shares, itself);
  const stuck = take(stuckCount, isSet);
  return {
    kind: 'step',
    machine,
    type,
    site,
    line,
    startMs: numbers[fixed.startMs] as number,
    endMs: numbers[fixed.endMs] as number,
    stepIndex: numbers[fixed.stepIndex] as number,
    lifeStartMs: numbers[fixed.lifeStartMs] as number,
    revision: numbers[fixed.revision] as number,
    final: numbers[fixed.final] === 1,
    sensors: viewAggregates(present, numbers, at),
    eventCounts,
    maintenanceAges,
    coverage,
    stuck,
    firstOffset: numbers[fixed.firstOffset] as number,
    lastOffset: numbers[fixed.lastOffset] as number,
  };
}

const isSet = (number: number) => number === 1;
const itself = (number: number) => number;
const orNull = (number: number) => (Number.isNaN(number) ? null : number);

/** All but the probabilities. */
type ForecastHead = readonly [
  machine: string,
  type: string,
  site: string,
  line: string,
  originMs: number,
  stepIndex: number,
  revision: number,
  status: ForecastRecord['status'],
  reason: string,
  model: string,
  expectedDay: number | null,
  coverage: number,
  silentSensors: readonly string[],
  stepOffset: number,
  /** What not every forecast has. */
  further: Omit<ForecastRecord, AlwaysThere>,
];
type AlwaysThere = {
  [Key in keyof ForecastRecord]-?: undefined extends ForecastRecord[Key] ? never : Key;
}[keyof ForecastRecord];

export function encodeForecast(forecast: ForecastRecord): Buffer {
  const {
    kind: _,
    machine,
    type,
    site,
    line,
    originMs,
    stepIndex,
    revision,
    status,
    reason,
    ...others
  } = forecast;
  const { model, probabilities, expectedDay, coverage, silentSensors, stepOffset, ...further } = others;
  const head: ForecastHead = [
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
    expectedDay,
    coverage,
    silentSensors,
    stepOffset,
    further,
  ];
  return packRecord(head, probabilities);
}

export function decodeForecast(bytes: Buffer): ForecastRecord {
  const { head, numbers } = unpackRecord(bytes);
  const probabilities = listOf(numbers);
  if (!Array.isArray(head)) return { ...(head as ForecastRecord), probabilities };
  const [
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
    expectedDay,
    coverage,
    silentSensors,
    stepOffset,
    { values, ...further },
  ] = head as unknown as ForecastHead;
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
    ...further,
    probabilities,
    expectedDay,
    coverage,
    silentSensors,
    stepOffset,
    ...(values && { values }),
  };
}
