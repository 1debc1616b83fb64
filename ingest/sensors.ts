/** Machine types as ingest sees them: per sensor its conversion and its bounds, checked when ingest is made. */
import { UserError } from '../domain/errors.js';
import type { MachineType, Sensor } from '../domain/machine-type.js';
import type { IngestConfig } from './config.js';
import { type Conversion, sameUnit, unitConversion } from './units.js';

export interface IngestSensor {
  readonly name: string;
  readonly sensor: Sensor;
  /** From the unit it is published in to the machine type's. */
  readonly conversion: Conversion;
  /** Bounds of accepted values, in the machine type's unit: the physical range, or all finite numbers. */
  readonly lowest: number;
  readonly highest: number;
}

export interface IngestType {
  readonly type: MachineType;
  readonly sensors: ReadonlyMap<string, IngestSensor>;
}

/** Throws UserError for a unit that is unknown, cannot be converted, or belongs to no sensor, and for clashing names. */
export function prepareTypes(
  types: ReadonlyMap<string, MachineType>,
  config: IngestConfig,
): ReadonlyMap<string, IngestType> {
  const used = new Set<string>();
  const prepared = new Map<string, IngestType>();
  const timeFields = new Set([config.timeField, ...config.topics.map((topic) => topic.timeField)]);
  for (const type of types.values()) {
    const sensors = new Map<string, IngestSensor>();
    for (const sensor of type.sensors) {
      if (timeFields.has(sensor.name))
        throw new UserError(
          `machine type "${type.name}" has a sensor "${sensor.name}", which is also ingest.timeField: rename one`,
        );
      if (config.ignoreFields.includes(sensor.name))
        throw new UserError(
          `ingest.ignoreFields holds "${sensor.name}", a sensor of machine type "${type.name}": its readings would be lost`,
        );
      const key = [`${type.name}/${sensor.name}`, sensor.name].find((name) =>
        Object.hasOwn(config.units, name),
      );
      if (key !== undefined) used.add(key);
      const published = key === undefined ? sensor.unit : (config.units[key] as string);
      const conversion = unitConversion(published, sensor.unit);
      if (typeof conversion === 'string')
        throw new UserError(`ingest.units "${key}" (sensor of machine type "${type.name}"): ${conversion}`);
      const bounded = sensor.outOfRange === 'reject';
      sensors.set(sensor.name, {
        name: sensor.name,
        sensor,
        conversion,
        lowest: (bounded ? sensor.min : undefined) ?? -Number.MAX_VALUE,
        highest: (bounded ? sensor.max : undefined) ?? Number.MAX_VALUE,
      });
    }
    prepared.set(type.name, { type, sensors });
  }
  for (const key of Object.keys(config.units))
    if (!used.has(key) && !overridden(key, config, types))
      throw new UserError(
        `ingest.units names "${key}", but no machine type has that sensor; write "sensor" or "type/sensor"`,
      );
  return prepared;
}

/** True where every type with the sensor has an entry of its own, so that the general one was not needed. */
function overridden(key: string, config: IngestConfig, types: ReadonlyMap<string, MachineType>): boolean {
  const owners = [...types.values()].filter((type) => type.sensors.some((sensor) => sensor.name === key));
  return owners.length > 0 && owners.every((type) => Object.hasOwn(config.units, `${type.name}/${key}`));
}

/** Conversions for units that payloads name themselves. Bounded: the texts come from outside. */
export class PayloadUnits {
  readonly #known = new Map<string, Conversion>();

  /** The conversion, or a sentence why there is none. `undefined` is the unit of the configuration. */
  conversion(sensor: IngestSensor, unit: string | undefined): Conversion | string {
    if (unit === undefined) return sensor.conversion;
    if (unit === sensor.sensor.unit) return sameUnit;
    const key = `${unit}\n${sensor.sensor.unit}`;
    const known = this.#known.get(key);
    if (known) return known;
    const conversion = unitConversion(unit, sensor.sensor.unit);
    if (typeof conversion !== 'string' && this.#known.size < 10_000) this.#known.set(key, conversion);
    return conversion;
  }
}
