/**
 * The health index where no failure has been seen: learns from the first cycles of C-MAPSS training engines only, then
 * watches them to their failures, and engines of the test file, which it has never seen, as far as their records go.
 * Beside it the same index with the fleet's mean as what is expected, that is without a network.
 */
import { wallClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import type { ValuePredictor } from '../../domain/values.js';
import type { CmapssSubset } from '../../infra/files/cmapss.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import type { LoadedGraph } from '../../model/ports.js';
import { calibrateHealth } from '../../model/values/calibrate-health.js';
import { writeValueArtifact } from '../../model/values/value-artifact.js';
import { openValuePredictor, ValueNetworkPredictor } from '../../model/values/value-predict.js';
import { type TrainedValues, trainValues } from '../../model/values/value-trainer.js';
import { featureSpec } from '../../stream/features.js';
import { valueSensors } from '../../stream/value-sensors.js';
import { versionsFolder } from '../model-folder.js';
import { codeVersion } from '../training.js';
import { readCmapssFleet } from './cmapss-fleet.js';
import { type HealthScores, scoreHealth, type WatchedEngine } from './health-scores.js';
import type { BenchmarkRequest } from './networks.js';
import { windowOf } from './value-series.js';
import { withForecasts } from './values.js';

export interface HealthBenchmark {
  readonly dataset: string;
  readonly protocol: string;
  /** Cycles of each training engine that were learned from. */
  readonly cycles: number;
  readonly seeds: readonly HealthTable[];
  /** Of the first seed's machines: the index with the fleet's mean as what is expected. */
  readonly fleetMean: HealthTable;
  readonly seconds: number;
}

export interface HealthTable {
  /** Training engines from the cycle after those learned from to their failure. */
  readonly toFailure: HealthScores;
  /** Engines of the test file, to the end of their records. */
  readonly unseenEngines: HealthScores;
}

export async function benchmarkHealth(
  request: Omit<BenchmarkRequest, 'ensembleSize'> & {
    readonly subset: CmapssSubset;
    readonly cycles: number;
  },
): Promise<HealthBenchmark> {
  const { dir, subset, cycles, seedCount, modelDir, config, signal, onProgress } = request;
  const startedMs = wallClock.nowMs();
  onProgress?.({ phase: 'read' });
  const fleet = await readCmapssFleet(dir, subset, signal);
  const type = withForecasts(fleet.type);
  const spec = featureSpec(type);
  const least = type.horizonSteps + 10;
  if (cycles < least)
    throw new UserError(
      `--cycles ${cycles}: the index compares ${type.horizonSteps} cycles with those before them; learn from at least ${least}`,
    );
  const known = fleet.training.map((history) => firstSteps(history, cycles, spec.names.length));

  const toFailure = fleet.training.map((history) => ({
    history,
    fromStep: cycles,
    lastStep: history.stepCount - 1,
    remainingDays: 1,
  }));
  // Later rows of a test engine are the silence after its record.
  const unseen = fleet.lastOrigins.map(({ history, step, remainingDays }) => ({
    history,
    fromStep: 0,
    lastStep: step,
    remainingDays,
  }));
  const watch = async (predictor: ValuePredictor): Promise<HealthTable> => ({
    toFailure: scoreHealth(await watchEngines(predictor, toFailure)),
    unseenEngines: scoreHealth(await watchEngines(predictor, unseen)),
  });
  const engine = new OnnxEngine();
  try {
    const seeds: HealthTable[] = [];
    let fleetMean: HealthTable | undefined;
    for (let seed = 1; seed <= seedCount; seed++) {
      const trained = await trainValues({
        spec,
        sensors: valueSensors(type),
        histories: known,
        config,
        seed,
        engine,
        clock: wallClock,
        onProgress: (training) => onProgress?.({ phase: 'train', network: seed, of: seedCount, training }),
        ...(signal ? { signal } : {}),
      });
      onProgress?.({ phase: 'score' });
      const { directory } = await writeValueArtifact(
        versionsFolder(modelDir, type.name),
        trained,
        engine,
        codeVersion(),
      );
      const predictor = await openValuePredictor(directory, engine, spec);
      seeds.push(await watch(predictor));
      await predictor.close();
      fleetMean ??= await watch(await expectTheMean(trained));
    }
    return {
      dataset: `C-MAPSS ${subset}`,
      protocol: `trained on the first ${cycles} cycles of every engine of train_${subset}, no failure seen; watched from then on`,
      cycles,
      seeds,
      fleetMean: fleetMean as HealthTable,
      seconds: (wallClock.nowMs() - startedMs) / 1000,
    };
  } finally {
    await engine.close();
  }
}

/** What was known of a machine after its first steps: no failure. */
function firstSteps(history: History, stepCount: number, featureCount: number): History {
  const count = Math.min(stepCount, history.stepCount);
  return {
    machine: history.machine,
    rows: history.rows.slice(0, count * featureCount),
    stepCount: count,
    originsMs: history.originsMs.slice(0, count),
    eventDay: new Uint8Array(count),
    knownDays: Uint8Array.from({ length: count }, (_, step) => Math.min(255, count - 1 - step)),
  };
}

interface Watch {
  readonly history: History;
  readonly fromStep: number;
  readonly lastStep: number;
  /** Days from the end of the last step to the failure. */
  readonly remainingDays: number;
}

async function watchEngines(predictor: ValuePredictor, watches: readonly Watch[]): Promise<WatchedEngine[]> {
  const engines: WatchedEngine[] = [];
  for (const { history, fromStep, lastStep, remainingDays } of watches) {
    const steps = Array.from(
      { length: Math.max(0, lastStep + 1 - fromStep) },
      (_, index) => fromStep + index,
    );
    const outlooks = await predictor.foresee(steps.map((step) => windowOf(predictor, { history, step })));
    engines.push(
      outlooks.flatMap(({ health }, index) =>
        health ? [{ ...health, remainingDays: remainingDays + lastStep - (steps[index] as number) }] : [],
      ),
    );
  }
  return engines.filter(({ length }) => length > 0);
}

/** A "network" that expects the mean of the fleet of whatever it is shown. */
async function expectTheMean({ preprocessing, sensors, validationHistories, spec }: TrainedValues) {
  const graph: LoadedGraph = {
    async run({ windows }) {
      const dims = [windows?.dims[0] as number, sensors.length, spec.horizonSteps];
      const zeros = { dims, data: new Float32Array(dims.reduce((product, size) => product * size, 1)) };
      return { low: zeros, median: zeros, high: zeros, expected: zeros };
    },
    async close() {},
  };
  const columns = sensors.map(({ column }) => column);
  const health = (await calibrateHealth(graph, preprocessing, columns, validationHistories)) ?? null;
  const stored = {
    formatVersion: 1 as const,
    spec: preprocessing.spec,
    network: preprocessing,
    sensors: [...sensors],
    health,
  };
  return new ValueNetworkPredictor('fleet-mean', stored, graph);
}
