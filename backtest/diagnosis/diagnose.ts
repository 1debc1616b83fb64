/** What is wrong with a network, judged by forecasts of its training machines and of machines that it has not seen. */

import { type Judged, statusAt } from '../judged.js';
import { brierByDay, meanOverDays, skill } from '../metrics/brier.js';
import { calibrationErrorAt, type ReliabilityBin, reliabilityAt } from '../metrics/calibration.js';
import { autocorrelation } from './autocorrelation.js';

/** Rows of one life of a machine, in the order of their origins. */
export interface JudgedMachine {
  readonly machine: string;
  readonly rows: readonly Judged[];
}

/** A line of training-log.jsonl. */
export interface LossPoint {
  readonly step: number;
  readonly trainLoss: number;
  readonly validationLoss: number;
}

export interface PartDiagnosis {
  readonly machineCount: number;
  readonly rowCount: number;
  /** Mean Brier score over the horizon; of the marginal on the same rows; 1 − their ratio. null: some day is unknown. */
  readonly brier: number | null;
  readonly marginalBrier: number | null;
  readonly skill: number | null;
  /** [H] mean of (failed by day k) − F_k: above 0 where failures come more often than said. null: nothing known. */
  readonly meanResidual: readonly (number | null)[];
}

export interface DayDiagnosis {
  readonly day: number;
  readonly reliability: readonly ReliabilityBin[];
  readonly calibrationError: number | null;
  /**
   * Of the residuals of this day, lags 1.. in steps. Origins less than `day` steps apart ask about days in common, so lags
   * below `day` are correlated for any network; from `day` on they are not, for one that has read all there is.
   */
  readonly autocorrelation: readonly (number | null)[];
  /** Half width of the band in which 95 % of them would lie by chance: 1.96 / √rows. */
  readonly band: number;
}

export interface Verdict {
  readonly name:
    | 'sound'
    | 'overfit'
    | 'underfit'
    | 'no-skill'
    | 'stopped-too-soon'
    | 'miscalibrated'
    | 'biased'
    | 'memory-too-short';
  /** What was seen, with figures. */
  readonly seen: string;
  /** What to try, the most promising first. */
  readonly tries: readonly string[];
}

export interface Diagnosis {
  readonly horizonDays: number;
  /** null: it is not known which machines the network was trained on, or none of them are in the data. */
  readonly training: PartDiagnosis | null;
  readonly unseen: PartDiagnosis;
  readonly days: readonly DayDiagnosis[];
  readonly losses: readonly LossPoint[];
  readonly verdicts: readonly Verdict[];
}

const lagMax = 30;
const censoring = 'known-status' as const;

/** From these on something is said; all of them are in the report. */
export const limits = {
  /** Brier score of unseen machines over that of training machines. */
  overfitRatio: 1.4,
  /** Share of the marginal's Brier score that is gone, on the training machines. */
  underfitSkill: 0.3,
  calibrationError: 0.05,
  meanResidual: 0.05,
  /** Autocorrelation at the first lag without days in common, beyond its band. */
  autocorrelation: 0.2,
} as const;

/** `marginal` [H]: the curve of who has not looked. `losses`: empty where no log of one training is there. */
export function diagnoseNetwork(options: {
  readonly training: readonly JudgedMachine[];
  readonly unseen: readonly JudgedMachine[];
  readonly marginal: ArrayLike<number>;
  readonly horizonDays: number;
  readonly losses: readonly LossPoint[];
}): Diagnosis {
  const { horizonDays, marginal, losses } = options;
  const part = (machines: readonly JudgedMachine[]) => diagnosePart(machines, marginal, horizonDays);
  const training = options.training.length === 0 ? null : part(options.training);
  const unseen = part(options.unseen);
  const chosen = [...new Set([1, 7, 14, horizonDays])].filter((day) => day <= horizonDays);
  const days = chosen.map((day) => diagnoseDay(options.unseen, day));
  const found = { horizonDays, training, unseen, days, losses };
  return { ...found, verdicts: verdictsOf(found) };
}

function diagnosePart(
  machines: readonly JudgedMachine[],
  marginal: ArrayLike<number>,
  horizonDays: number,
): PartDiagnosis {
  const rows = machines.flatMap((machine) => machine.rows);
  const plain = rows.map((row) => ({ ...row, probabilities: marginal }));
  const brier = meanOverDays(brierByDay(rows, horizonDays, censoring));
  const marginalBrier = meanOverDays(brierByDay(plain, horizonDays, censoring));
  return {
    machineCount: new Set(machines.map(({ machine }) => machine)).size,
    rowCount: rows.length,
    brier,
    marginalBrier,
    skill: skill(brier, marginalBrier),
    meanResidual: Array.from({ length: horizonDays }, (_, index) => {
      const residuals = rows.flatMap((row) => residualAt(row, index + 1) ?? []);
      return residuals.length === 0
        ? null
        : residuals.reduce((sum, value) => sum + value, 0) / residuals.length;
    }),
  };
}

/** (failed by `day`) − F_day; undefined where that is not known. */
function residualAt(row: Judged, day: number): number | undefined {
  const status = statusAt(row, day);
  return status === 'unknown'
    ? undefined
    : (status === 'failed' ? 1 : 0) - (row.probabilities[day - 1] as number);
}

function diagnoseDay(machines: readonly JudgedMachine[], day: number): DayDiagnosis {
  const rows = machines.flatMap((machine) => machine.rows);
  const series = machines.map((machine) => machine.rows.flatMap((row) => residualAt(row, day) ?? []));
  const count = series.reduce((sum, values) => sum + values.length, 0);
  return {
    day,
    reliability: reliabilityAt(rows, day, censoring),
    calibrationError: calibrationErrorAt(rows, day, censoring),
    autocorrelation: autocorrelation(series, lagMax),
    band: 1.96 / Math.sqrt(count),
  };
}

function verdictsOf({ training, unseen, days, losses, horizonDays }: Omit<Diagnosis, 'verdicts'>): Verdict[] {
  const verdicts: Verdict[] = [];
  const say = (name: Verdict['name'], seen: string, ...tries: string[]) =>
    verdicts.push({ name, seen, tries });
  if (unseen.skill !== null && unseen.skill <= 0)
    say(
      'no-skill',
      `On machines that it has not seen the network is no better than the marginal hazard (Brier ${figure(unseen.brier)} against ${figure(unseen.marginalBrier)}).`,
      'look whether the sensors say anything before a failure: the baselines of `millwright backtest` tell',
      'more machines and more failures in the training data',
      'check that failures are recorded on the day on which they happened',
    );
  if (training?.skill !== null && training !== null && training.skill < limits.underfitSkill)
    say(
      'underfit',
      `Even on its own training machines only ${percent(training.skill)} of the marginal's error is gone (under ${percent(limits.underfitSkill)}).`,
      'a larger `hiddenSize`, less `dropout` and `weightDecay`',
      'more `steps`, or a higher `learningRate`',
      'more of each sensor: `aggregates: [mean, std, max, slope]` in the machine type',
      'a longer `contextSteps`, another of `smoothingAlphas`',
    );
  const ratio = training?.brier && unseen.brier !== null ? unseen.brier / training.brier : undefined;
  if (ratio !== undefined && ratio > limits.overfitRatio)
    say(
      'overfit',
      `Unseen machines are forecast with ${ratio.toFixed(1)} times the Brier score of the training machines (${figure(unseen.brier)} against ${figure(training?.brier ?? null)}).${risen(losses)}`,
      'more training machines: nothing else helps as much',
      'more `dropout` (0.4 or 0.5) and `weightDecay` (0.03)',
      'a smaller `hiddenSize` (16 or 32), fewer `steps`',
      'fewer features: leave out sensors that say nothing',
      '`--ensemble 3`',
    );
  const last = losses.at(-1);
  const best = bestOf(losses);
  if (losses.length >= 4 && last !== undefined && best === last)
    say(
      'stopped-too-soon',
      `The validation loss was at its lowest at the last step, ${last.step}: it was still falling.`,
      'more `steps`',
    );
  for (const { day, calibrationError } of days.slice(-1))
    if (calibrationError !== null && calibrationError > limits.calibrationError)
      say(
        'miscalibrated',
        `At day ${day} probabilities and frequencies differ by ${calibrationError.toFixed(3)} on average (expected calibration error).`,
        'calibration on machines kept from training',
        'an ensemble, whose probabilities are less extreme',
      );
  const residual = unseen.meanResidual[horizonDays - 1];
  if (residual !== null && residual !== undefined && Math.abs(residual) > limits.meanResidual)
    say(
      'biased',
      `Within ${horizonDays} steps failures come ${residual > 0 ? 'more' : 'less'} often than said: by ${Math.abs(residual).toFixed(3)} on average.`,
      'training data from the same time and the same kind of use as these machines',
    );
  const slow = days.find(({ day, autocorrelation: values, band }) => {
    const value = values[day - 1];
    return value !== null && value !== undefined && value > Math.max(band, limits.autocorrelation);
  });
  if (slow)
    say(
      'memory-too-short',
      `Errors of day ${slow.day} are still alike ${slow.day} steps later (autocorrelation ${(slow.autocorrelation[slow.day - 1] as number).toFixed(2)}), where they have no days in common: the network does not read something that lasts.`,
      'a longer `windowSteps` or `contextSteps`, a smaller one of `smoothingAlphas`',
      'static attributes of the machines (model, place, load)',
    );
  if (verdicts.length === 0)
    say('sound', 'Nothing stands out.', '`millwright tune` for the last few percent');
  return verdicts;
}

function bestOf(losses: readonly LossPoint[]): LossPoint | undefined {
  return losses.reduce<LossPoint | undefined>(
    (best, point) => (best === undefined || point.validationLoss < best.validationLoss ? point : best),
    undefined,
  );
}

function risen(losses: readonly LossPoint[]): string {
  const best = bestOf(losses);
  const last = losses.at(-1);
  if (!best || !last || last.validationLoss < 1.2 * best.validationLoss) return '';
  return ` The validation loss was lowest at step ${best.step} (${figure(best.validationLoss)}) and rose to ${figure(last.validationLoss)}; the network of its lowest was kept.`;
}

const figure = (value: number | null) => (value === null ? 'unknown' : value.toPrecision(3));
const percent = (share: number) => `${Math.round(share * 100)} %`;
