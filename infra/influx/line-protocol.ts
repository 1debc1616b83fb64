/** Points as InfluxDB's line protocol. Nothing non-finite is ever written, and no line holds a line break. */

/** Whole numbers are fields of another type than floats: a field must always be the same. */
export class Whole {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

export type FieldValue = number | Whole | string | boolean | null | undefined;

/** A timestamp holds this many nanoseconds beside its milliseconds: what orders points of one moment. */
const ordinalMax = 999_999;
/** What InfluxDB can date: 1677 to 2262 (influxdb/models, MinNanoTime and MaxNanoTime). */
const timeMsMax = 9_223_372_036_854;

/**
 * A line. Tags are `name=value` pairs made by `tagSet`; fields that are null, undefined or not finite are left out.
 * undefined: no field is left.
 */
export function point(
  measurement: string,
  tags: string,
  fields: Readonly<Record<string, FieldValue>>,
  nanoseconds: string,
): string | undefined {
  let text = '';
  for (const name in fields) {
    const value = fieldText(fields[name]);
    if (value !== undefined) text += `${text === '' ? '' : ','}${escapeKey(name)}=${value}`;
  }
  return text === '' ? undefined : `${measurement}${tags} ${text} ${nanoseconds}`;
}

/** Tags in the order given (sorted by name is quickest for the server), each behind a comma; empty ones are left out. */
export function tagSet(tags: Readonly<Record<string, string>>): string {
  let text = '';
  for (const name in tags) {
    const value = tags[name] as string;
    if (value !== '') text += `,${name}=${escapeKey(tagValue(value))}`;
  }
  return text;
}

/**
 * A name as it is kept in a tag. A backslash or a control character cannot be written there in a way that every
 * version reads back: they become `%` and two hexadecimal digits, as does `%` itself.
 */
export function tagValue(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get through.
    /[%\\\x00-\x1f\x7f]/g,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`,
  );
}

/** Time as nanoseconds since the epoch. `ordinal` in 0..999,999: greater ones count as the greatest. */
export function nanoseconds(timeMs: number, ordinal = 0): string {
  const wholeMs = Math.max(-timeMsMax, Math.min(timeMsMax, Math.floor(timeMs)));
  const nanos = Math.min(ordinal, ordinalMax);
  if (wholeMs > 0) return `${wholeMs}${String(nanos).padStart(6, '0')}`;
  return String(BigInt(wholeMs) * 1_000_000n + BigInt(nanos));
}

function fieldText(value: FieldValue): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : undefined;
  if (typeof value === 'string')
    return `"${value.replace(/[\r\n]+/g, ' ').replace(/["\\]/g, (character) => `\\${character}`)}"`;
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  return value instanceof Whole && Number.isSafeInteger(value.value) ? `${value.value}i` : undefined;
}

/** Tag values, tag names and field names alike. */
function escapeKey(text: string): string {
  return text.replace(/[,= ]/g, (character) => `\\${character}`);
}
