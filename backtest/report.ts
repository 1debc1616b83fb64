/** The result of a backtest as one JSON object: the network and its baselines on the same rows, and the alerts. */
import { assert } from '../domain/assert.js';
import { type Rung, rungs } from '../domain/fallback.js';
import type { AlertScore } from './alert-score.js';
import { outcomesAt, ranked } from './judged.js';
import { type Interval, intervalOf, type MachineErrors, machineErrors } from './metrics/bootstrap.js';
import { brierByDay, brierOf, meanOverDays, skill } from './metrics/brier.js';
import { type BrierDecomposition, decomposeBrier } from './metrics/brier-decomposition.js';
import { calibrationErrorOf, type ReliabilityBin, reliabilityOf } from './metrics/calibration.js';
import { timeDependentConcordance } from './metrics/concordance.js';
import { type DCalibration, dCalibration } from './metrics/d-calibration.js';
import { brierIpcwAt } from './metrics/ipcw.js';
import { logLossOf } from './metrics/log-loss.js';
import { aurocOf, averagePrecisionOf, tiesOf } from './metrics/ranking.js';
import type { JudgedForecast, JudgedRows, Selection } from './rows.js';
import {
  bootstrapSeed,
  drawCountFor,
  drawScores,
  type IntervalScore,
  intervalScores,
  type ScoreDraw,
} from './score-draws.js';

/** Judged rows under the name of who forecast them. */
export interface NamedRows {
  readonly name: string;
  readonly rows: readonly JudgedForecast[];
}

/** Scores at the end of one day after the origin; null where a score is undefined on these rows. */
export interface DayScores {
  readonly day: number;
  /** Rows under observation on that day, and those of them that had failed by then. */
  readonly rowCount: number;
  readonly failedCount: number;
  readonly brier: number | null;
  /** The same with inverse-probability-of-censoring weights, for records that end at random. */
  readonly brierIpcw: number | null;
  readonly decomposition: BrierDecomposition | null;
  readonly logLoss: number | null;
  readonly averagePrecision: number | null;
  readonly auroc: number | null;
  readonly calibrationError: number | null;
  readonly reliability: readonly ReliabilityBin[];
  /** 95 %, by bootstrap over machines; null where it is undefined on too many draws. */
  readonly intervals: Readonly<Record<IntervalScore, Interval | null>>;
}

export interface ForecasterScores {
  readonly name: string;
  /** [H] Brier score at days 1..H. */
  readonly brierByDay: readonly (number | null)[];
  readonly meanBrier: number | null;
  /** 95 % interval of the mean Brier score by bootstrap over machines. */
  readonly meanBrierInterval: Interval | null;
  /** 1 − mean Brier / that of the reference on the same rows. */
  readonly skill: number | null;
  readonly concordance: number | null;
  readonly concordanceInterval: Interval | null;
  readonly dCalibration: DCalibration | null;
  /** Of its statistic. */
  readonly dCalibrationInterval: Interval | null;
  /** What the mean Brier score is made from, for comparison with another backtest on the same rows. */
  readonly errors: MachineErrors;
  readonly days: readonly DayScores[];
}

/** Skill of the pipeline's forecasts over one of the others. */
export interface SkillOver {
  readonly over: string;
  readonly skill: number | null;
  /** Machines drawn for both alike: above 0 throughout, the pipeline is better than chance would have it. */
  readonly interval: Interval | null;
}

/** Forecasts of one rung of the ladder. */
export interface RungScore {
  readonly rung: Rung | 'not-assessable';
  readonly count: number;
  /** null where nothing is known of any of the days. */
  readonly meanBrier: number | null;
  /** Of the reference on the same rows. */
  readonly referenceMeanBrier: number | null;
}

export interface BacktestReport {
  readonly horizonDays: number;
  readonly selection: Selection;
  /** See `Censoring`; the report uses one throughout. */
  readonly censoring: 'administrative';
  readonly rows: {
    readonly judgedCount: number;
    readonly machineCount: number;
    /** Judged rows whose machine failed within the horizon. */
    readonly failedCount: number;
    readonly notAssessableCount: number;
    readonly fallbackCount: number;
    /** Origins at which the machine had fallen silent for good. */
    readonly silentCount: number;
    /** Selected origins after which nothing is known, or that are no part of a life. */
    readonly unjudgedCount: number;
    readonly machinesWithoutForecast: readonly string[];
    /** By what they rest on, where not all are by the network; best first. */
    readonly rungs: readonly RungScore[];
  };
  /** What skill is measured against: the name of one of the forecasters. */
  readonly reference: string;
  /** The pipeline's forecasts first, then the reference, then the other baselines. */
  readonly forecasters: readonly ForecasterScores[];
  readonly skills: readonly SkillOver[];
  /** Of all intervals: machines are drawn with replacement, this often. */
  readonly bootstrap: { readonly drawCount: number; readonly seed: number };
  readonly alerts: AlertScore | null;
}

/** Days that are scored in full; the Brier score is given for every day. */
const reportDays = [1, 7, 14, 30];

/** Every forecaster must bring the same rows in the same order (asserted). */
export function makeReport(parts: {
  /** The pipeline's name, such as the model's version. */
  readonly name: string;
  readonly judged: JudgedRows;
  readonly selection: Selection;
  readonly reference: NamedRows;
  /** Each is asked for when the one before is done with. */
  readonly baselines: Iterable<NamedRows>;
  readonly alerts: AlertScore | null;
}): BacktestReport {
  const { judged, reference } = parts;
  const { rows, horizonDays } = judged;
  const referenceBrier = meanOverDays(brierByDay(reference.rows, horizonDays, 'administrative'));
  const days = [...new Set([...reportDays.filter((day) => day < horizonDays), horizonDays])];
  const forecasters: ForecasterScores[] = [];
  const skills: SkillOver[] = [];
  /** Mean Brier scores of the pipeline, draw by draw. */
  let own: readonly (number | null)[] = [];
  const score = (named: NamedRows): void => {
    assertSameRows(rows, named);
    const draws = drawScores(named.rows, horizonDays, days);
    const scores = scoreForecaster(named, horizonDays, days, referenceBrier, draws);
    const drawn = draws.map(({ meanBrier }) => meanBrier);
    const [pipeline] = forecasters;
    if (pipeline)
      skills.push({
        over: named.name,
        skill: skill(pipeline.meanBrier, scores.meanBrier),
        interval: skillInterval(own, drawn),
      });
    else own = drawn;
    forecasters.push(scores);
  };
  score({ name: parts.name, rows });
  score(reference);
  for (const baseline of parts.baselines) score(baseline);
  return {
    horizonDays,
    selection: parts.selection,
    censoring: 'administrative',
    rows: {
      judgedCount: rows.length,
      machineCount: new Set(rows.map(({ machine }) => machine)).size,
      failedCount: rows.filter(({ eventDay }) => eventDay > 0).length,
      notAssessableCount: rows.filter(({ status }) => status === 'not-assessable').length,
      fallbackCount: rows.filter(({ status }) => status === 'fallback').length,
      silentCount: judged.silentCount,
      unjudgedCount: judged.unjudgedCount,
      machinesWithoutForecast: judged.machinesWithoutForecast,
      rungs: scoreRungs(rows, reference.rows, horizonDays),
    },
    reference: reference.name,
    forecasters,
    skills,
    bootstrap: { drawCount: drawCountFor(rows.length), seed: bootstrapSeed },
    alerts: parts.alerts,
  };
}

function scoreRungs(
  rows: readonly JudgedForecast[],
  reference: readonly JudgedForecast[],
  horizonDays: number,
): RungScore[] {
  const rungOf = ({ status, rung }: JudgedForecast) =>
    status === 'not-assessable' ? status : (rung ?? 'network');
  const scores = [...rungs, 'not-assessable' as const].flatMap((rung): RungScore[] => {
    const places = rows.flatMap((row, place) => (rungOf(row) === rung ? [place] : []));
    if (places.length === 0) return [];
    const meanBrierOf = (of: readonly JudgedForecast[]) =>
      meanOverDays(
        brierByDay(
          places.map((place) => of[place] as JudgedForecast),
          horizonDays,
          'administrative',
        ),
      );
    return [
      {
        rung,
        count: places.length,
        meanBrier: meanBrierOf(rows),
        referenceMeanBrier: meanBrierOf(reference),
      },
    ];
  });
  return scores.length > 1 ? scores : [];
}

/** Draw by draw the same machines on both sides. */
function skillInterval(own: readonly (number | null)[], theirs: readonly (number | null)[]): Interval | null {
  return intervalOf(own.map((meanBrier, draw) => skill(meanBrier, theirs[draw] ?? null)));
}

function scoreForecaster(
  { name, rows }: NamedRows,
  horizonDays: number,
  days: readonly number[],
  referenceBrier: number | null,
  draws: readonly ScoreDraw[],
): ForecasterScores {
  const brier = brierByDay(rows, horizonDays, 'administrative');
  const meanBrier = meanOverDays(brier);
  return {
    name,
    brierByDay: brier,
    meanBrier,
    meanBrierInterval: intervalOf(draws.map((draw) => draw.meanBrier)),
    skill: skill(meanBrier, referenceBrier),
    concordance: timeDependentConcordance(rows, horizonDays),
    concordanceInterval: intervalOf(draws.map((draw) => draw.concordance)),
    dCalibration: dCalibration(rows),
    dCalibrationInterval: intervalOf(draws.map((draw) => draw.dCalibration)),
    errors: machineErrors(rows, horizonDays),
    days: days.map((day, index) =>
      scoreDay(rows, day, (score) => intervalOf(draws.map((draw) => draw.days[index]?.[score] ?? null))),
    ),
  };
}

function scoreDay(
  rows: readonly JudgedForecast[],
  day: number,
  intervalFor: (score: IntervalScore) => Interval | null,
): DayScores {
  const outcomes = outcomesAt(rows, day, 'administrative');
  const ties = tiesOf(ranked(outcomes));
  return {
    day,
    rowCount: outcomes.failed.length,
    failedCount: outcomes.failed.reduce((sum, value) => sum + value, 0),
    brier: brierOf(outcomes),
    brierIpcw: brierIpcwAt(rows, day, 'end-of-day'),
    decomposition: decomposeBrier(ties),
    logLoss: logLossOf(outcomes),
    averagePrecision: averagePrecisionOf(ties),
    auroc: aurocOf(ties),
    calibrationError: calibrationErrorOf(outcomes),
    reliability: reliabilityOf(outcomes),
    intervals: Object.fromEntries(
      intervalScores.map((score) => [score, intervalFor(score)]),
    ) as DayScores['intervals'],
  };
}

function assertSameRows(rows: readonly JudgedForecast[], other: NamedRows): void {
  const same =
    rows.length === other.rows.length &&
    rows.every((row, i) => {
      const theirs = other.rows[i] as JudgedForecast;
      return row.machine === theirs.machine && row.originMs === theirs.originMs;
    });
  assert(same, `the rows of ${other.name} to be those of the pipeline`);
}
