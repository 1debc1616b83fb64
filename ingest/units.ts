/** Conversion between units of measurement, by js-quantities. */
import Qty from 'js-quantities';

/** `stored = published * scale + offset`. */
export interface Conversion {
  readonly scale: number;
  readonly offset: number;
}

export const sameUnit: Conversion = { scale: 1, offset: 0 };

/**
 * Temperatures, which js-quantities tells from temperature differences (there degC, here "delta degC"): kelvin per
 * unit, and the unit's zero in kelvin.
 */
const celsius = { kelvinPer: 1, zeroK: 273.15 };
const fahrenheit = { kelvinPer: 5 / 9, zeroK: (459.67 * 5) / 9 };
const kelvin = { kelvinPer: 1, zeroK: 0 };
const temperatures: ReadonlyMap<string, { readonly kelvinPer: number; readonly zeroK: number }> = new Map([
  ['degC', celsius],
  ['°C', celsius],
  ['Cel', celsius],
  ['celsius', celsius],
  ['degF', fahrenheit],
  ['°F', fahrenheit],
  ['fahrenheit', fahrenheit],
  ['K', kelvin],
  ['degK', kelvin],
  ['kelvin', kelvin],
]);

/** What plants write, and js-quantities writes otherwise. */
const spellings: ReadonlyMap<string, string> = new Map([
  ['delta degC', 'degC'],
  ['delta degF', 'degF'],
  ['delta K', 'degK'],
  ['ips', 'in/s'],
  ['Nm', 'N*m'],
  ['kWh', 'kW*h'],
]);

/** How values in unit `from` become values in unit `to`; a sentence when that cannot be. */
export function unitConversion(from: string, to: string): Conversion | string {
  if (from === to) return sameUnit;
  if (to === '') return `"${show(from)}" is given, but the sensor has no unit in its machine type`;
  const unlike = `"${show(from)}" cannot be converted to "${to}", the sensor's unit`;
  const source = temperatures.get(from) ?? parseUnit(from);
  if (source === undefined) return `"${show(from)}" is not a known unit; the sensor's unit is "${to}"`;
  const target = temperatures.get(to) ?? parseUnit(to);
  if (target === undefined) return `nothing converts to "${to}", the sensor's unit; publish in that unit`;
  if ('zeroK' in source && 'zeroK' in target)
    return {
      scale: source.kelvinPer / target.kelvinPer,
      offset: (source.zeroK - target.zeroK) / target.kelvinPer,
    };
  if ('zeroK' in source || 'zeroK' in target || !source.isCompatible(target)) return unlike;
  // Products of decimal factors carry noise in the last bits: 15 digits are what they are known to.
  const factor = Qty.swiftConverter(spelled(from), spelled(to))(1);
  return { scale: Number(factor.toPrecision(15)), offset: 0 };
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
