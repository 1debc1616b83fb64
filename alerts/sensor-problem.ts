import { aggregatesOf, type MachineType } from '../domain/machine-type.js';
import { type Condition, durationText } from './condition.js';

/** What a condition asks of a sensor that forecasts of the type cannot tell, as the rest of a sentence; undefined: nothing. */
export function sensorProblem(part: Condition, type: MachineType, stepMs: number): string | undefined {
  switch (part.kind) {
    case 'silent':
    case 'stuck': {
      const sensor = sensorCalled(part.sensor, type);
      if (typeof sensor === 'string') return sensor;
      return part.kind === 'stuck' && sensor.stuckAfter === undefined
        ? ': it is never seen as stuck; add stuckAfter to the sensor, the readings of a step that are enough to tell'
        : undefined;
    }
    case 'stuck-sensors':
      return type.sensors.every(({ stuckAfter }) => stuckAfter === undefined)
        ? ': none of its sensors is ever seen as stuck; add stuckAfter to a sensor, the readings of a step that are enough to tell'
        : undefined;
    case 'value':
    case 'drift':
      return featureProblem(part, type, stepMs);
    default:
      return undefined;
  }
}

function sensorCalled(name: string, { sensors }: MachineType): MachineType['sensors'][number] | string {
  const sensor = sensors.find((each) => each.name === name);
  return sensor ?? `: it has no sensor "${name}"; it has: ${sensors.map((each) => each.name).join(', ')}`;
}

function featureProblem(
  part: Extract<Condition, { kind: 'value' | 'drift' }>,
  type: MachineType,
  stepMs: number,
): string | undefined {
  const dot = part.feature.lastIndexOf('.');
  const [name, aggregate] = [part.feature.slice(0, dot), part.feature.slice(dot + 1)];
  const sensor = sensorCalled(name, type);
  if (typeof sensor === 'string') return sensor;
  const aggregates: readonly string[] = aggregatesOf(sensor, type);
  if (!aggregates.includes(aggregate))
    return `: of "${name}" it has ${aggregates.join(', ')}; name one of these, or add "${aggregate}" to its aggregates and train again`;
  if (part.kind === 'value') return undefined;
  if (part.overMs % stepMs !== 0) return ` is not a whole number of its steps of ${durationText(stepMs)}`;
  const longestMs = Math.floor(type.contextSteps / 2) * stepMs;
  return part.overMs > longestMs
    ? ` needs as much time before it, and forecasts are made from ${durationText(type.contextSteps * stepMs)}; at most ${durationText(longestMs)}`
    : undefined;
}
