/** Conversion between units of measurement, by js-quantities. */
import Qty from 'js-quantities';

/** `stored = published * scale + offset`. */
export interface Conversion {
  readonly scale: number;
  readonly offset: number;
}

export const sameUnit: Conversion = { scale: 1, offset: 0 };

/**
 * js-quantities tells temperatures (tempC) from temperature differences (degC). A sensor with unit degC measures a
 * temperature; a difference is written "delta degC".
 */
const spellings: ReadonlyMap<string, string> = new Map([
  ['degC', 'tempC'],
  ['°C', 'tempC'],
  ['Cel', 'tempC'],
  ['celsius', 'tempC'],
  ['degF', 'tempF'],
  ['°F', 'tempF'],
  ['fahrenheit', 'tempF'],
  ['K', 'tempK'],
  ['degK', 'tempK'],
  ['kelvin', 'tempK'],
  ['degR', 'tempR'],
  ['delta degC', 'degC'],
  ['delta degF', 'degF'],
  ['delta K', 'degK'],
  ['delta degK', 'degK'],
  ['ips', 'in/s'],
  ['Nm', 'N*m'],
  ['kWh', 'kW*h'],
]);

/** Far from 1, so that the slope of an affine conversion is not drowned by its offset. */
const probe = 1e6;

/** How values in unit `from` become values in unit `to`; a sentence when that cannot be. */
export function unitConversion(from: string, to: string): Conversion | string {
  if (from === to) return sameUnit;
  if (to === '') return `"${show(from)}" is given, but the sensor has no unit in its machine type`;
  const source = parseUnit(from);
  if (source === undefined) return `"${show(from)}" is not a known unit; the sensor's unit is "${to}"`;
  const target = parseUnit(to);
  if (target === undefined) return `nothing converts to "${to}", the sensor's unit; publish in that unit`;
  if (!source.isCompatible(target))
    return `"${show(from)}" cannot be converted to "${to}", the sensor's unit`;
  const convert = Qty.swiftConverter(spelled(from), spelled(to));
  const offset = convert(0);
  // Differences of products of decimal factors carry noise in the last bits: 15 digits are what they are known to.
  const scale = Number(((convert(probe) - offset) / probe).toPrecision(15));
  return { scale, offset: Number(offset.toPrecision(15)) };
}

function parseUnit(unit: string): Qty | undefined {
  // Longer texts are no units, and parsing them would cost.
  if (unit === '' || unit.length > 64) return undefined;
  try {
    const quantity = Qty(spelled(unit));
    // "5 bar" parses, but is a quantity.
    return /^[^\d\s.+-]/.test(unit) ? quantity : undefined;
  } catch {
    // js-quantities throws for what it does not know: that is the answer.
    return undefined;
  }
}

function spelled(unit: string): string {
  return spellings.get(unit) ?? unit;
}

function show(unit: string): string {
  return unit.length > 64 ? `${unit.slice(0, 64)}…` : unit;
}
