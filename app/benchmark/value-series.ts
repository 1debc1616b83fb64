/** The values of a fleet's sensors as series, and forecasts of them from the same origins by whoever forecasts. */
import type { ValueBaseline } from '../../backtest/baselines/value-baseline.js';
import { type JudgedValue, seasonalNaiveScale } from '../../backtest/metrics/value-errors.js';
import type { History } from '../../domain/features.js';
import type { ValuePredictor, ValueSensor } from '../../domain/values.js';
import { fillWindow, type Origin } from '../../model/windows.js';

/** Windows forecast at a time. */
const chunkWindows = 512;

export interface FleetSeries {
  readonly sensors: readonly ValueSensor[];
  /** One history per machine, with what came after the origins. */
  readonly machines: readonly History[];
  /** Rows of each machine's history that may be learned from. */
  readonly trainingEnds: readonly number[];
  /** [machine] rows forecast from, ascending. */
  readonly origins: readonly (readonly number[])[];
  readonly featureCount: number;
}

/** Index of a sensor's series of a machine, in the scales of valueErrorsByStep. */
const seriesIndex = (fleet: FleetSeries, machine: number, sensor: number) =>
  machine * fleet.sensors.length + sensor;

function seriesOf(
  { featureCount, sensors, machines }: FleetSeries,
  machine: number,
  sensor: number,
): Float64Array {
  const { rows, stepCount } = machines[machine] as History;
  const { column } = sensors[sensor] as ValueSensor;
  return Float64Array.from({ length: stepCount }, (_, step) => rows[step * featureCount + column] as number);
}

/** The unit of MASE of every series, from its training part. */
export function scalesOf(fleet: FleetSeries, seasonSteps: number): number[] {
  return fleet.machines.flatMap(({ machine }, index) =>
    fleet.sensors.map(({ name }, sensor) =>
      seasonalNaiveScale(
        seriesOf(fleet, index, sensor).subarray(0, fleet.trainingEnds[index]),
        seasonSteps,
        `${name} of ${machine}`,
      ),
    ),
  );
}

/** [sensor] rows for every value that is known. */
export type JudgedSensors = readonly (readonly JudgedValue[])[];

export async function judgeNetwork(fleet: FleetSeries, predictor: ValuePredictor): Promise<JudgedSensors> {
  const { spec } = predictor;
  const judged: JudgedValue[][] = fleet.sensors.map(() => []);
  const places = fleet.sensors.map(({ name }) => predictor.sensors.findIndex((each) => each.name === name));
  const origins = fleet.machines.flatMap((history, machine) =>
    (fleet.origins[machine] as readonly number[]).map((step) => ({ machine, history, step })),
  );
  for (let from = 0; from < origins.length; from += chunkWindows) {
    const chunk = origins.slice(from, from + chunkWindows);
    const outlooks = await predictor.foresee(chunk.map((origin) => windowOf(predictor, origin)));
    chunk.forEach(({ machine, step }, index) => {
      places.forEach((place, sensor) => {
        const said = outlooks[index]?.sensors[place];
        if (!said) return;
        for (let k = 1; k <= spec.horizonSteps; k++)
          judge(judged[sensor] as JudgedValue[], fleet, machine, sensor, step, k, {
            said: said.median[k - 1] as number,
            low: said.low[k - 1] as number,
            high: said.high[k - 1] as number,
          });
      });
    });
  }
  return judged;
}

export function judgeBaseline(
  fleet: FleetSeries,
  baseline: ValueBaseline,
  horizonSteps: number,
): JudgedSensors {
  return fleet.sensors.map((_, sensor) => {
    const judged: JudgedValue[] = [];
    fleet.machines.forEach((_history, machine) => {
      const origins = fleet.origins[machine] as readonly number[];
      const curves = baseline.forecast(
        seriesOf(fleet, machine, sensor),
        origins,
        fleet.trainingEnds[machine] as number,
        horizonSteps,
      );
      origins.forEach((step, index) => {
        for (let k = 1; k <= horizonSteps; k++) {
          const said = curves[index]?.[k - 1] as number;
          if (!Number.isNaN(said))
            judge(judged, fleet, machine, sensor, step, k, { said, low: null, high: null });
        }
      });
    });
    return judged;
  });
}

function judge(
  judged: JudgedValue[],
  fleet: FleetSeries,
  machine: number,
  sensor: number,
  step: number,
  stepsAhead: number,
  said: Pick<JudgedValue, 'said' | 'low' | 'high'>,
): void {
  const { rows, stepCount } = fleet.machines[machine] as History;
  const { column } = fleet.sensors[sensor] as ValueSensor;
  if (step + stepsAhead >= stepCount) return;
  const actual = rows[(step + stepsAhead) * fleet.featureCount + column] as number;
  if (!Number.isNaN(actual))
    judged.push({ series: seriesIndex(fleet, machine, sensor), stepsAhead, actual, ...said });
}

export function windowOf({ spec }: ValuePredictor, origin: Origin) {
  const rows = new Float32Array(spec.contextSteps * spec.names.length);
  fillWindow(rows, spec, origin);
  return { rows, stepCount: Math.min(origin.step + 1, spec.contextSteps) };
}
