/** The sensors of a machine type whose values are forecast, with the features that hold their means. */
import type { MachineType } from '../domain/machine-type.js';
import type { ValueSensor } from '../domain/values.js';
import { featureSpec } from './features.js';

export function valueSensors(type: MachineType): ValueSensor[] {
  const { names } = featureSpec(type);
  return type.sensors
    .filter(({ forecast }) => forecast)
    .map(({ name, unit }) => ({ name, unit, column: names.indexOf(`${name}.mean`) }));
}
