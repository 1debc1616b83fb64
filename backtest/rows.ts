import { assert } from '../domain/assert.js';
import type { SimpleRung } from '../domain/fallback.js';
import type { ForecastRecord, ForecastStatus } from '../domain/forecast.js';
import type { Judged } from './judged.js';
import { type Observation, outcomeAt, type Steps } from './observation.js';

/** One forecast of the pipeline with its outcome. */
export interface JudgedForecast extends Judged {
  readonly machine: string;
  readonly originMs: number;
  readonly status: ForecastStatus;
  /** Why not 'ok'; '' when ok. */
  readonly reason: string;
  /** What it rests on where the network was not used. */
  readonly rung?: SimpleRung;
}

/**
 * Which origins are judged: `last` the last one at which a machine was still watched (the test protocol of C-MAPSS: one
 * row per engine, however short its record), `all` every one up to that.
 */
export type Selection = 'last' | 'all';

export interface JudgedRows {
  readonly horizonDays: number;
  /** By machine, then by origin. */
  readonly rows: readonly JudgedForecast[];
  /** Origins after the watched stretch: forecasts issued while the machine had fallen silent for good. */
  readonly silentCount: number;
  /** Selected rows of which nothing is known after the origin: there is nothing to judge them by. */
  readonly unjudgedCount: number;
  /** Machines under observation for which no forecast was issued at all. */
  readonly machinesWithoutForecast: readonly string[];
}

/**
 * Judges forecasts. Of one origin the highest revision counts; provisional forecasts do not. A forecast that is not
 * assessable is scored with `fallbackAt`'s curve (the marginal's: what one would say without looking), so that saying
 * nothing is neither rewarded nor dropped; its status stays on the row.
 *
 * Forecasts of machines without an observation are a bug of the caller.
 */
export function judgeForecasts(
  forecasts: Iterable<ForecastRecord>,
  observations: readonly Observation[],
  options: {
    readonly selection: Selection;
    readonly horizonDays: number;
    readonly steps: Steps;
    /** [H] F_1..F_H for forecasts of an origin that have no curve. */
    fallbackAt(originMs: number): ArrayLike<number>;
  },
): JudgedRows {
  const { selection, horizonDays, steps } = options;
  const byMachine = newestRevisions(forecasts);
  const rows: JudgedForecast[] = [];
  const machinesWithoutForecast: string[] = [];
  let silentCount = 0;
  let unjudgedCount = 0;
  for (const observation of [...observations].sort((a, b) => (a.machine < b.machine ? -1 : 1))) {
    const own = byMachine.get(observation.machine);
    byMachine.delete(observation.machine);
    if (!own) {
      machinesWithoutForecast.push(observation.machine);
      continue;
    }
    const ascending = [...own.values()]
      .filter(({ originMs }) => originMs <= observation.watchedUntilMs)
      .sort((a, b) => a.originMs - b.originMs);
    silentCount += own.size - ascending.length;
    for (const forecast of selection === 'last' ? ascending.slice(-1) : ascending) {
      const outcome = outcomeAt(observation, forecast.originMs, horizonDays, steps);
      if (outcome.eventDay === 0 && outcome.knownDays === 0) {
        unjudgedCount++;
        continue;
      }
      const probabilities =
        forecast.status === 'not-assessable' ? options.fallbackAt(forecast.originMs) : forecast.probabilities;
      assert(
        probabilities.length === horizonDays,
        `${horizonDays} probabilities in the forecast of ${forecast.machine}, got ${probabilities.length}`,
      );
      const { machine, originMs, status, reason, rung } = forecast;
      rows.push({ machine, originMs, status, reason, ...(rung && { rung }), probabilities, ...outcome });
    }
  }
  assert(byMachine.size === 0, `an observation of every forecast machine, none for ${[...byMachine.keys()]}`);
  return { horizonDays, rows, silentCount, unjudgedCount, machinesWithoutForecast };
}

/** Machine → origin → its final forecast of the highest revision. */
function newestRevisions(forecasts: Iterable<ForecastRecord>): Map<string, Map<number, ForecastRecord>> {
  const byMachine = new Map<string, Map<number, ForecastRecord>>();
  for (const forecast of forecasts) {
    if (forecast.status === 'provisional') continue;
    let own = byMachine.get(forecast.machine);
    if (!own) {
      own = new Map();
      byMachine.set(forecast.machine, own);
    }
    const known = own.get(forecast.originMs);
    if (!known || known.revision <= forecast.revision) own.set(forecast.originMs, forecast);
  }
  return byMachine;
}
