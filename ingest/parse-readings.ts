/**
 * A JSON value → readings, one by one taken or refused. Forms:
 *
 * - topic with {sensor}: `1.5`; `{"value": 1.5, "time"?, "unit"?}`; `[{"time", "value", "unit"?}, …]`
 * - topic without: `{"time"?, "temp": 1.2, "vib": 3}`; `[{"time", "temp": 1.2, "vib": 3}, …]`
 *
 * Where an object outside of an array has no time, the time of arrival counts, unless the message is a retained one.
 */
import type { RejectReason } from '../domain/input.js';
import { explainTime, readTimeMs, type TimeRule } from './event-time.js';
import type { IngestSensor, IngestType, PayloadUnits } from './sensors.js';
import { show } from './show.js';

/** One reading or event (or the whole message) that was not taken. */
export interface Rejection {
  readonly reason: RejectReason;
  readonly detail: string;
  /** The reading as JSON, cut; undefined: the payload itself. */
  readonly item?: string;
}

/** Columns of equal length, as in `ReadingsRecord`, and what was refused. */
export interface ParsedReadings {
  readonly sensors: string[];
  readonly timesMs: number[];
  readonly values: number[];
  readonly rejected: Rejection[];
}

export interface ReadingsContext {
  readonly type: IngestType;
  /** The sensor in the topic; undefined where the payload names its sensors. */
  readonly sensor: string | undefined;
  readonly time: TimeRule;
  readonly arrivalMs: number;
  readonly ignoreFields: ReadonlySet<string>;
  readonly readingsMax: number;
  readonly units: PayloadUnits;
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Fields whose name suggests that they are the time. */
const timeLike = /^(t|ts|time|timestamp|datetime|date|epoch)(_?(s|ms|us|ns))?$/i;

/** Readings of a parsed payload; or the one reason why the message as a whole is refused. */
export function parseReadings(json: unknown, context: ReadingsContext): ParsedReadings | Rejection {
  const out: ParsedReadings = { sensors: [], timesMs: [], values: [], rejected: [] };
  if (Array.isArray(json)) {
    if (json.length === 0)
      return { reason: 'wrong-shape', detail: 'the array is empty: there is no reading in it' };
    if (json.length > context.readingsMax) return tooMany(context);
    for (const item of json) {
      addElement(item, true, context, out);
      if (out.values.length + out.rejected.length > context.readingsMax) return tooMany(context);
    }
    return out;
  }
  if (isObject(json)) {
    addElement(json, false, context, out);
    return out.values.length + out.rejected.length > context.readingsMax ? tooMany(context) : out;
  }
  if (context.sensor === undefined)
    return {
      reason: 'wrong-shape',
      detail: `${show(json)} names no sensor; publish an object such as {"temp": 1.2}, or one topic per sensor`,
    };
  const sensor = context.type.sensors.get(context.sensor);
  if (sensor && !context.time.arrivalCounts)
    out.rejected.push({
      ...explainTime(undefined, context.time),
      item: itemText(context, context.sensor, json),
    });
  else if (sensor) addValue(json, context.arrivalMs, sensor, sensor.conversion, context, out);
  else out.rejected.push(unknownSensor(context.sensor, context, itemText(context, context.sensor, json)));
  return out;
}

function addElement(item: unknown, timed: boolean, context: ReadingsContext, out: ParsedReadings): void {
  if (!isObject(item)) {
    out.rejected.push({
      reason: 'wrong-shape',
      detail: `an element of the array is ${show(item)}, not an object with "${context.time.field}" and values`,
      item: show(item),
    });
    return;
  }
  const rawTime = item[context.time.field];
  const arrivalCounts = rawTime === undefined && !timed && context.time.arrivalCounts;
  const timeMs = arrivalCounts ? context.arrivalMs : readTimeMs(rawTime, context.time);
  if (context.sensor !== undefined) addSingle(item, rawTime, timeMs, context.sensor, context, out);
  else addValues(item, rawTime, timeMs, context, out);
}

/** `{time, temp: 1.2, vib: 3}`. The fast path: called for every element of a batch. */
function addValues(
  item: JsonObject,
  rawTime: unknown,
  timeMs: number,
  context: ReadingsContext,
  out: ParsedReadings,
): void {
  const { sensors } = context.type;
  const timeField = context.time.field;
  if (Number.isNaN(timeMs)) {
    refuseTime(item, rawTime, context, out);
    return;
  }
  let found = false;
  for (const key in item) {
    if (key === timeField) continue;
    const sensor = sensors.get(key);
    if (sensor !== undefined) {
      found = true;
      const raw = item[key];
      const { scale, offset } = sensor.conversion;
      const value = typeof raw === 'number' ? raw * scale + offset : Number.NaN;
      if (value >= sensor.lowest && value <= sensor.highest) {
        out.sensors.push(key);
        out.timesMs.push(timeMs);
        out.values.push(value);
      } else out.rejected.push(explainValue(raw, value, sensor, itemText(context, key, raw, rawTime)));
    } else if (!context.ignoreFields.has(key)) {
      found = true;
      out.rejected.push(unknownSensor(key, context, itemText(context, key, item[key], rawTime)));
    }
  }
  if (!found) out.rejected.push(noValues(item, `no field of it is a sensor`));
}

/** A bad time refuses every value that it belongs to. */
function refuseTime(item: JsonObject, rawTime: unknown, context: ReadingsContext, out: ParsedReadings): void {
  const why = explainTime(rawTime, context.time);
  let found = false;
  for (const key in item) {
    if (key === context.time.field || context.ignoreFields.has(key)) continue;
    found = true;
    out.rejected.push({ ...why, item: itemText(context, key, item[key], rawTime) });
    if (out.rejected.length > context.readingsMax) return; // the message is refused as a whole
  }
  if (!found) out.rejected.push(noValues(item, `no field of it is a sensor`));
}

/** `{value, time?, unit?}` on a topic that names the sensor. */
function addSingle(
  item: JsonObject,
  rawTime: unknown,
  timeMs: number,
  sensorName: string,
  context: ReadingsContext,
  out: ParsedReadings,
): void {
  const text = (): string => itemText(context, 'value', item.value, rawTime);
  const sensor = context.type.sensors.get(sensorName);
  if (!sensor) {
    out.rejected.push(unknownSensor(sensorName, context, text()));
    return;
  }
  for (const key in item) {
    if (key === 'value' || key === 'unit' || key === context.time.field || context.ignoreFields.has(key))
      continue;
    out.rejected.push({
      reason: 'wrong-shape',
      detail: `field ${show(key)} is not known beside "value", "unit" and "${context.time.field}"; ${fieldHint(key)}`,
      item: text(),
    });
    return;
  }
  if (item.value === undefined) {
    out.rejected.push(noValues(item, `"value" is missing`));
    return;
  }
  if (Number.isNaN(timeMs)) {
    out.rejected.push({ ...explainTime(rawTime, context.time), item: text() });
    return;
  }
  const { unit } = item;
  const conversion =
    unit === undefined || typeof unit === 'string'
      ? context.units.conversion(sensor, unit)
      : `${show(unit)} is not a unit; write it as text, such as "bar"`;
  if (typeof conversion === 'string') {
    out.rejected.push({
      reason: 'unknown-unit',
      detail: `unit of "${sensorName}": ${conversion}`,
      item: text(),
    });
    return;
  }
  addValue(item.value, timeMs, sensor, conversion, context, out, rawTime);
}

function addValue(
  raw: unknown,
  timeMs: number,
  sensor: IngestSensor,
  { scale, offset }: { readonly scale: number; readonly offset: number },
  context: ReadingsContext,
  out: ParsedReadings,
  rawTime?: unknown,
): void {
  const value = typeof raw === 'number' ? raw * scale + offset : Number.NaN;
  if (value >= sensor.lowest && value <= sensor.highest) {
    out.sensors.push(sensor.name);
    out.timesMs.push(timeMs);
    out.values.push(value);
  } else out.rejected.push(explainValue(raw, value, sensor, itemText(context, 'value', raw, rawTime)));
}

function explainValue(raw: unknown, value: number, sensor: IngestSensor, item: string): Rejection {
  const { name } = sensor;
  if (typeof raw !== 'number')
    return {
      reason: 'not-a-number',
      detail:
        raw === null
          ? `"${name}" is null; leave the field out when there is no value`
          : `"${name}" is ${show(raw)}; write a JSON number without quotes`,
      item,
    };
  if (!Number.isFinite(value))
    return { reason: 'non-finite', detail: `"${name}" is ${show(raw)}: not a finite number`, item };
  const { unit, min = -Infinity, max = Infinity } = sensor.sensor;
  const bound =
    value < min ? `below the lowest possible value ${min}` : `above the highest possible value ${max}`;
  return {
    reason: 'out-of-range',
    detail: `"${name}" is ${value}${unit === '' ? '' : ` ${unit}`}, ${bound}; check the unit it is published in, or the range in the machine type`,
    item,
  };
}

function unknownSensor(name: string, context: ReadingsContext, item: string): Rejection {
  const { type, sensors } = context.type;
  const known = [...sensors.keys()].slice(0, 12).join(', ');
  return {
    reason: 'unknown-sensor',
    detail:
      `machine type "${type.name}" has no sensor ${show(name)}; it has ${known}${sensors.size > 12 ? ', …' : ''}; ` +
      fieldHint(name),
    item,
  };
}

function fieldHint(name: string): string {
  return timeLike.test(name)
    ? `if it is the event time, set ingest.timeField to "${name}"`
    : 'if it is no sensor, name it in ingest.ignoreFields';
}

function noValues(item: JsonObject, what: string): Rejection {
  return { reason: 'wrong-shape', detail: `there is no reading in ${show(item)}: ${what}`, item: show(item) };
}

function tooMany(context: ReadingsContext): Rejection {
  return {
    reason: 'payload-too-large',
    detail: `the message has more readings than readingsMax ${context.readingsMax}; send smaller batches`,
  };
}

function itemText(context: ReadingsContext, key: string, raw: unknown, rawTime?: unknown): string {
  const time = rawTime === undefined ? '' : `${JSON.stringify(context.time.field)}:${show(rawTime)},`;
  return `{${time}${show(key)}:${show(raw)}}`;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
