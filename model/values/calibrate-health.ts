/** Finds out, on healthy machines kept from training, what departures are usual: see health.ts. */
import type { History } from '../../domain/features.js';
import { type LoadedGraph, outputOf } from '../ports.js';
import type { Preprocessing } from '../preprocessing.js';
import { fillWindow } from '../windows.js';
import {
  departures,
  earlierRows,
  type HealthCalibration,
  indexSteps,
  indexTrail,
  lineAhead,
} from './health.js';
import { standardisedRows } from './targets.js';

/** The limit lies this far beyond the greatest index of a healthy machine. */
const limitFactor = 1.25;

/** Steps before the H that are compared: with fewer the network has little to expect from. */
export const expectationStepsMin = 5;

/** Fewer healthy rows than this say too little about what is usual. */
const rowsMin = 100;

const sdMin = 0.1;
const batchMax = 256;

/** Healthy rows of one machine that follow one another, with what was departed by. */
interface Row {
  readonly history: History;
  readonly step: number;
  readonly departed: readonly Float64Array[];
}

/**
 * `graph` is that of buildValueForecast. Rows that are followed by a failure within the horizon do not count as healthy.
 * undefined: there are too few rows.
 */
export async function calibrateHealth(
  graph: LoadedGraph,
  preprocessing: Preprocessing,
  columns: readonly number[],
  histories: readonly History[],
): Promise<HealthCalibration | undefined> {
  const { horizonSteps } = preprocessing.spec;
  const rows = await healthyRows(graph, preprocessing, columns, histories);
  if (rows.length < rowsMin) return undefined;
  const deviationSds = columns.map((_, sensor) => {
    let [squares, count] = [0, 0];
    for (const { departed } of rows)
      for (const value of departed[sensor]!) {
        if (Number.isNaN(value)) continue;
        squares += value * value;
        count += 1;
      }
    return count === 0 ? 1 : Math.max(sdMin, Math.sqrt(squares / count));
  });
  const trails = new Map<History, Map<number, number[]>>();
  for (const { history, step, departed } of rows) {
    const trail = indexTrail(departed, deviationSds);
    if (!trail) continue;
    const own = trails.get(history) ?? new Map<number, number[]>();
    trails.set(history, own.set(step, trail));
  }
  const newest = (trail: readonly number[]) => trail.at(-1) as number;
  let greatest = 0;
  for (const own of trails.values())
    for (const trail of own.values()) greatest = Math.max(greatest, newest(trail));
  if (greatest === 0) return undefined;
  const limit = limitFactor * greatest;
  const sds = lineSds([...trails.values()], limit, horizonSteps);
  return sds && { deviationSds, limit, lineSds: sds };
}

/** Lines are judged as far ahead as half the horizon; beyond, their errors are taken to grow in proportion. undefined: none can be judged. */
function lineSds(
  trails: readonly ReadonlyMap<number, number[]>[],
  limit: number,
  horizonSteps: number,
): number[] | undefined {
  const judged = indexSteps(horizonSteps);
  const squares = new Float64Array(judged);
  const counts = new Float64Array(judged);
  for (const own of trails)
    for (const [step, trail] of own)
      lineAhead(trail, judged).forEach((said, index) => {
        const later = own.get(step + index + 1)?.at(-1);
        if (later === undefined) return;
        squares[index]! += (later - said) ** 2;
        counts[index]! += 1;
      });
  const sds = [...squares].map((sum, index) => Math.sqrt(sum / counts[index]!) / limit);
  // Machines that are known for a short time only leave the last of them unjudged.
  const known = sds.findLastIndex((sd) => sd > 0);
  if (known < 0) return undefined;
  return Array.from({ length: horizonSteps }, (_, index) =>
    index <= known ? Math.max(sds[index]!, 1e-3) : (sds[known]! * (index + 1)) / (known + 1),
  );
}

async function healthyRows(
  graph: LoadedGraph,
  preprocessing: Preprocessing,
  columns: readonly number[],
  histories: readonly History[],
): Promise<Row[]> {
  const { spec } = preprocessing;
  const { contextSteps, horizonSteps, names } = spec;
  const origins = histories.flatMap((history) =>
    Array.from({ length: history.stepCount }, (_, step) => ({ history, step })).filter(
      ({ step }) => step >= horizonSteps + expectationStepsMin - 1 && history.eventDay[step] === 0,
    ),
  );
  const seen = new Map(
    histories.map((history) => [history, standardisedRows(history.rows, preprocessing, columns)]),
  );
  const width = columns.length;
  const rows: Row[] = [];
  for (let from = 0; from < origins.length; from += batchMax) {
    const batch = origins.slice(from, from + batchMax);
    const length = contextSteps * names.length;
    const windows = new Float32Array(batch.length * length);
    batch.forEach((origin, index) => {
      const rowsNow = new Float32Array(length);
      fillWindow(rowsNow, spec, origin);
      windows.set(earlierRows(rowsNow, spec, horizonSteps), index * length);
    });
    const result = await graph.run({
      windows: { dims: [batch.length, contextSteps, names.length], data: windows },
    });
    const expected = outputOf(result, 'expected').data as Float32Array;
    batch.forEach(({ history, step }, index) => {
      const own = expected.subarray(index * width * horizonSteps, (index + 1) * width * horizonSteps);
      const since = seen.get(history)!.subarray((step + 1 - horizonSteps) * width, (step + 1) * width);
      rows.push({ history, step, departed: departures(own, since, width) });
    });
  }
  return rows;
}
