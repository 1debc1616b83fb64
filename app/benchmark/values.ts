/**
 * Value forecasts of Azure PdM's four sensors, 1 to H days ahead, beside the plain ways to forecast a series, each with
 * weights of its own for every series. Everybody is judged on the same values.
 */
import { seasonalNaive, smoothing, trainingMean } from '../../backtest/baselines/value-baseline.js';
import { type ValueErrors, valueErrorsByStep } from '../../backtest/metrics/value-errors.js';
import { wallClock } from '../../domain/clock.js';
import type { History } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { openValuePredictor } from '../../model/values/value-predict.js';
import { featureSpec } from '../../stream/features.js';
import { valueSensors } from '../../stream/value-sensors.js';
import { trainValueVersion } from '../value-training.js';
import { type AzurePeriod, readAzureFleet } from './azure-fleet.js';
import type { BenchmarkRequest } from './networks.js';
import {
  type FleetSeries,
  type JudgedSensors,
  judgeBaseline,
  judgeNetwork,
  scalesOf,
} from './value-series.js';

/** One forecaster's errors; arrays by day, 1..H. */
export interface ValueScores {
  /** Mean over the days of MASE. */
  readonly meanMase: number;
  /** All sensors together, which have scaled errors in common and no others. */
  readonly all: readonly Pick<ValueErrors, 'mase' | 'coverage' | 'scaledWidth'>[];
  /** In the sensor's unit. */
  readonly sensors: Readonly<Record<string, readonly ValueErrors[]>>;
}

export interface ValueBenchmark {
  readonly dataset: string;
  readonly protocol: string;
  /** Forecasts of all sensors, and values that they are judged by. */
  readonly forecasts: number;
  readonly values: number;
  /** Of seasonal naive, Holt and Winters, and of the unit of MASE. */
  readonly seasonSteps: number;
  /** Means over the seeds. */
  readonly model: ValueScores;
  readonly seeds: readonly ValueScores[];
  readonly baselines: Readonly<Record<string, ValueScores>>;
  readonly seconds: number;
}

export async function benchmarkValues(
  request: Omit<BenchmarkRequest, 'ensembleSize'> & {
    readonly period: AzurePeriod;
    readonly seasonSteps: number;
  },
): Promise<ValueBenchmark> {
  const { dir, period, seasonSteps, seedCount, modelDir, config, signal, onProgress } = request;
  const startedMs = wallClock.nowMs();
  onProgress?.({ phase: 'read' });
  const { type: plain, training, origins } = await readAzureFleet(dir, period, 'unknown', signal);
  const type = withForecasts(plain);
  const machines = [...new Set(origins.map(({ history }) => history))];
  const fleet: FleetSeries = {
    sensors: valueSensors(type),
    machines,
    trainingEnds: machines.map(
      ({ machine }) => training.find((each) => each.machine === machine)?.stepCount ?? 0,
    ),
    origins: machines.map((history) =>
      origins.filter((origin) => origin.history === history).map(({ step }) => step),
    ),
    featureCount: featureSpec(type).names.length,
  };
  const scales = scalesOf(fleet, seasonSteps);
  const { horizonSteps } = type;
  const score = (judged: JudgedSensors): ValueScores => {
    const all = valueErrorsByStep(judged.flat(), scales, horizonSteps);
    return {
      meanMase: mean(all.map(({ mase }) => mase)) as number,
      all: all.map(({ mase, coverage, scaledWidth }) => ({ mase, coverage, scaledWidth })),
      sensors: Object.fromEntries(
        fleet.sensors.map(({ name }, sensor) => [
          name,
          valueErrorsByStep(judged[sensor] ?? [], scales, horizonSteps),
        ]),
      ),
    };
  };

  const engine = new OnnxEngine();
  const seeds: ValueScores[] = [];
  let values = 0;
  try {
    for (let seed = 1; seed <= seedCount; seed++) {
      const { directory } = await trainValueVersion({
        type,
        histories: training as readonly History[],
        modelDir,
        config,
        seed,
        onProgress: (progress) =>
          onProgress?.({ phase: 'train', network: seed, of: seedCount, training: progress }),
        ...(signal ? { signal } : {}),
      });
      const predictor = await openValuePredictor(directory, engine, featureSpec(type));
      const judged = await judgeNetwork(fleet, predictor);
      values = judged.flat().length;
      seeds.push(score(judged));
      await predictor.close();
    }
  } finally {
    await engine.close();
  }
  onProgress?.({ phase: 'score' });
  const baselines = [
    seasonalNaive(seasonSteps),
    trainingMean,
    smoothing('simple', seasonSteps),
    smoothing('holt', seasonSteps),
    smoothing('holt-winters', seasonSteps),
  ];
  return {
    dataset: 'Azure PdM, daily means of four sensors',
    protocol: `trained on days up to ${isoDay(period.trainUntilMs)}; every machine at the end of each day from ${isoDay(period.testFromMs)} to ${isoDay(period.testToMs)}, the mean of each sensor on days 1 to ${horizonSteps} after it`,
    forecasts: origins.length,
    values,
    seasonSteps,
    model: meanValueScores(seeds),
    seeds,
    baselines: Object.fromEntries(
      baselines.map((baseline) => [baseline.name, score(judgeBaseline(fleet, baseline, horizonSteps))]),
    ),
    seconds: (wallClock.nowMs() - startedMs) / 1000,
  };
}

/** The type with forecasts of every sensor that is no setting. */
export function withForecasts(type: MachineType): MachineType {
  return { ...type, sensors: type.sensors.map((sensor) => ({ ...sensor, forecast: !sensor.setting })) };
}

const isoDay = (timeMs: number) => new Date(timeMs).toISOString().slice(0, 10);

/** null where there is none. */
function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

function meanValueScores(seeds: readonly ValueScores[]): ValueScores {
  const [first] = seeds as [ValueScores];
  const days = <T extends Partial<ValueErrors>>(of: (scores: ValueScores) => readonly T[]): T[] =>
    of(first).map(
      (errors, day) =>
        Object.fromEntries(
          Object.keys(errors).map((key) => [
            key,
            mean(seeds.map((seed) => of(seed)[day]?.[key as keyof ValueErrors] ?? null)),
          ]),
        ) as unknown as T,
    );
  return {
    meanMase: mean(seeds.map(({ meanMase }) => meanMase)) as number,
    all: days(({ all }) => all),
    sensors: Object.fromEntries(
      Object.keys(first.sensors).map((name) => [name, days(({ sensors }) => sensors[name] ?? [])]),
    ),
  };
}
