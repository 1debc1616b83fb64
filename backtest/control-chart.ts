/**
 * Whether the forecasts of successive periods are still as good as was promised: a control chart of observed over promised
 * error.
 *
 * The figure of a period is indirectly standardised, as in the monitoring of clinical outcomes (Spiegelhalter 2005, "Funnel plots for
 * comparing institutional performance"):
 *
 *   ratio = Σ (F_k − y)² / Σ b_k   over the forecasts of the period and their days k that have passed,
 *
 * b_k being the Brier score that was promised at day k by the version that made the forecast. 1 is as promised, 2 twice the error. A
 * period whose later days have not passed is thus held to what was promised of the days that have.
 *
 * Its 95 % interval is a percentile bootstrap over machines; where the promise is a backtest, its machines are drawn, too. The rule
 * (Western Electric 1956, Statistical Quality Control Handbook: two of three successive points beyond two standard deviations
 * on the same side): the score has left the promise when two of three successive periods lie wholly above 1.
 */
import { Rng } from '../domain/rng.js';
import { drawMachines, type Interval, intervalOf, type MachineErrors } from './metrics/bootstrap.js';
import { type Promised, promisedBrier } from './promise.js';
import { bootstrapSeed } from './score-draws.js';

/** Of one period: what came of the forecasts of each version, and what had been promised of it. */
export interface ChartedPeriod {
  readonly name: string;
  readonly versions: readonly { readonly errors: MachineErrors; readonly promised: Promised }[];
}

export interface ChartPoint {
  readonly name: string;
  readonly machineCount: number;
  /** Observed over promised error; null where nothing was forecast, or no error promised. */
  readonly ratio: number | null;
  /** 95 %; null below two machines. */
  readonly interval: Interval | null;
  /** By the interval: wholly above 1, wholly below, or neither; `unknown` without one. */
  readonly verdict: 'as-promised' | 'worse' | 'better' | 'unknown';
  /** Two of three periods, this one last, are worse. */
  readonly left: boolean;
}

const drawCount = 500;

export function controlChart(periods: readonly ChartedPeriod[]): ChartPoint[] {
  const drawn = new Map<Promised, readonly Promised['brierByDay'][]>();
  for (const { promised } of periods.flatMap(({ versions }) => versions))
    if (!drawn.has(promised)) drawn.set(promised, drawPromise(promised));
  const points: ChartPoint[] = [];
  for (const { name, versions } of periods) {
    const machines = [...new Set(versions.flatMap(({ errors }) => Object.keys(errors)))].sort();
    const interval = intervalOf(
      drawMachines(machines, new Rng(bootstrapSeed), drawCount).map((machinesDrawn, draw) =>
        ratioOf(
          versions,
          machinesDrawn,
          ({ promised }) => drawn.get(promised)?.[draw] ?? promised.brierByDay,
        ),
      ),
    );
    const verdict = verdictOf(interval);
    points.push({
      name,
      machineCount: machines.length,
      ratio: ratioOf(versions, machines, ({ promised }) => promised.brierByDay),
      interval,
      verdict,
      left: verdict === 'worse' && points.slice(-2).some((point) => point.verdict === 'worse'),
    });
  }
  return points;
}

function verdictOf(interval: Interval | null): ChartPoint['verdict'] {
  if (interval === null) return 'unknown';
  if (interval.low > 1) return 'worse';
  return interval.high < 1 ? 'better' : 'as-promised';
}

type Version = ChartedPeriod['versions'][number];

/** Over these machines, one as often as it is named. `promiseOf`: Brier scores at days 1..H. */
function ratioOf(
  versions: readonly Version[],
  machines: readonly string[],
  promiseOf: (version: Version) => Promised['brierByDay'],
): number | null {
  let observed = 0;
  let expected = 0;
  for (const version of versions) {
    const promise = promiseOf(version);
    for (const machine of machines) {
      const own = version.errors[machine];
      if (!own) continue;
      const { error, count } = own;
      for (let k = 0; k < promise.length; k++) {
        const brier = promise[k] as number | null;
        // A day of which nothing was promised is held to nothing.
        if (brier === null) continue;
        observed += error[k] as number;
        expected += (count[k] as number) * brier;
      }
    }
  }
  return expected === 0 ? null : observed / expected;
}

/** The promise as other draws of its machines would have made it; none where only its scores are known. */
function drawPromise({ errors }: Promised): (number | null)[][] {
  if (errors === null) return [];
  return drawMachines(Object.keys(errors), new Rng(bootstrapSeed + 1), drawCount).map((machines) =>
    promisedBrier(errors, machines),
  );
}
