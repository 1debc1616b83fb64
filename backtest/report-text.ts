/** The report as lines for a terminal or a log file: numbers with units, no colours. */
import { rungWords } from '../domain/fallback.js';
import type { AlertScore, AlertVerdict } from './alert-score.js';
import type { Interval } from './metrics/bootstrap.js';
import { quantile } from './metrics/quantile.js';
import type { BacktestReport, DayScores } from './report.js';

export function formatReport(report: BacktestReport): string {
  return [
    ...formatRows(report),
    '',
    ...formatForecasters(report),
    '',
    ...formatDays(report),
    ...(report.alerts ? ['', ...formatAlerts(report.alerts)] : []),
  ].join('\n');
}

function formatRows({ rows, selection, horizonDays, reference }: BacktestReport): string[] {
  const which = selection === 'last' ? 'the last origin of each machine' : 'every origin';
  const lines = [
    `${count(rows.judgedCount, 'forecast')} of ${count(rows.machineCount, 'machine')} judged (${which}); ` +
      `${rows.failedCount} were followed by a failure within ${count(horizonDays, 'day')}.`,
  ];
  if (rows.notAssessableCount > 0)
    lines.push(`${count(rows.notAssessableCount, 'forecast')} not assessable: scored as the ${reference}.`);
  if (rows.fallbackCount > 0) lines.push(`${count(rows.fallbackCount, 'forecast')} came from the fallback.`);
  for (const { rung, count: forecasts, meanBrier, referenceMeanBrier } of rows.rungs)
    if (rung !== 'not-assessable')
      lines.push(
        `  by ${rungWords[rung]}: ${count(forecasts, 'forecast')}, mean Brier ${score(meanBrier)}; the ${reference} on the same ${score(referenceMeanBrier)}.`,
      );
  if (rows.silentCount > 0)
    lines.push(
      `${count(rows.silentCount, 'forecast')} left out: the machine had sent its last reading before them.`,
    );
  if (rows.unjudgedCount > 0)
    lines.push(`${count(rows.unjudgedCount, 'forecast')} not judged: nothing is known of the days after.`);
  if (rows.machinesWithoutForecast.length > 0)
    lines.push(
      `${count(rows.machinesWithoutForecast.length, 'machine')} without any forecast: ${someOf(rows.machinesWithoutForecast)}.`,
    );
  return lines;
}

function formatForecasters({
  forecasters,
  horizonDays,
  reference,
  skills,
  bootstrap,
}: BacktestReport): string[] {
  const days = forecasters[0]?.days.map(({ day }) => day) ?? [];
  const header = [
    'Brier score (0 is perfect)',
    `mean of days 1–${horizonDays}`,
    '95 % interval',
    ...days.map((day) => `day ${day}`),
    'concordance',
    'skill',
  ];
  const body = forecasters.map((forecaster) => [
    forecaster.name,
    score(forecaster.meanBrier),
    range(forecaster.meanBrierInterval, score),
    ...forecaster.days.map(({ brier }) => score(brier)),
    forecaster.concordance === null ? '–' : forecaster.concordance.toFixed(3),
    forecaster.skill === null ? '–' : percent(forecaster.skill),
  ]);
  return [
    ...alignColumns([header, ...body]),
    `Skill: share of the mean Brier score of the ${reference} that is gone.`,
    ...skills.map(
      ({ over, skill, interval }) =>
        `  over ${over}: ${skill === null ? '–' : percent(skill)} (${range(interval, percent)})`,
    ),
    `Intervals: 95 %, bootstrap over machines (${bootstrap.drawCount} draws).`,
  ];
}

/** The pipeline's scores at some days, with intervals. */
function formatDays({ forecasters }: BacktestReport): string[] {
  const [own] = forecasters;
  if (!own) return [];
  const rowOf = (title: string, cell: (day: DayScores) => string) => [title, ...own.days.map(cell)];
  const withRange = (value: number | null | undefined, interval: Interval | null) =>
    `${fraction(value ?? null)} (${range(interval, fraction)})`;
  return [
    ...alignColumns([
      rowOf(own.name, ({ day }) => `day ${day}`),
      rowOf('failed by then', ({ failedCount, rowCount }) => `${failedCount} of ${rowCount}`),
      rowOf('reliability (0 is best)', ({ decomposition, intervals }) =>
        withRange(decomposition?.reliability, intervals.reliability),
      ),
      rowOf('resolution (more is better)', ({ decomposition, intervals }) =>
        withRange(decomposition?.resolution, intervals.resolution),
      ),
      rowOf('uncertainty', ({ decomposition, intervals }) =>
        withRange(decomposition?.uncertainty, intervals.uncertainty),
      ),
      rowOf('log loss', ({ logLoss, intervals }) => withRange(logLoss, intervals.logLoss)),
      rowOf('average precision', ({ averagePrecision, intervals }) =>
        withRange(averagePrecision, intervals.averagePrecision),
      ),
      rowOf('AUROC', ({ auroc, intervals }) => withRange(auroc, intervals.auroc)),
      rowOf('calibration error', ({ calibrationError, intervals }) =>
        withRange(calibrationError, intervals.calibrationError),
      ),
    ]),
    'Brier score = reliability − resolution + uncertainty.',
    `Concordance ${fraction(own.concordance)} (${range(own.concordanceInterval, fraction)}). ` +
      (own.dCalibration === null
        ? 'D-calibration: –'
        : `D-calibration: χ² ${own.dCalibration.statistic.toFixed(1)} (${range(own.dCalibrationInterval, (value) => value.toFixed(1))}), ` +
          `p ${probabilityText(own.dCalibration.pValue)} were rows independent`),
  ];
}

function formatAlerts(alerts: AlertScore): string[] {
  const lines = [
    ...(alerts.failures.length > 0
      ? formatFailures(alerts)
      : ['No failure came while a machine was watched.']),
    `${count(alerts.alerts.length, 'alert')} fired: ${formatCounts(alerts.alertCounts)}`,
    ...formatFeedback(alerts),
    ...formatAlertLeads(alerts),
    alerts.falseAlarmsPerMachineMonth === null
      ? 'False alarms: no machine was observed'
      : `False alarms: ${alerts.falseAlarmsPerMachineMonth.toFixed(3)} per machine-month ` +
        `(${alerts.machineMonths.toFixed(0)} machine-months observed)`,
  ];
  if (alerts.unobservedCount > 0)
    lines.push(`${count(alerts.unobservedCount, 'alert')} not judged: nothing is known of their machines`);
  return lines;
}

function formatFailures(alerts: AlertScore): string[] {
  const { bounds, failureCounts: failures, leadDays, tooSoonCount } = alerts;
  return [
    `${count(alerts.failures.length, 'failure')}: ` +
      `${failures.foreseen} foreseen (${bounds.usefulFromDays}–${bounds.usefulToDays} days ahead), ` +
      `${failures.ahead} ahead (up to ${bounds.earlyFromDays}), ${failures.early} early (more), ` +
      `${failures.late} late (under ${bounds.usefulFromDays}), ${failures.missed} missed`,
    ...(tooSoonCount > 0
      ? [
          `${count(tooSoonCount, 'failure')} not judged: within ${bounds.usefulFromDays} days of the start of the watch, too soon for a warning`,
        ]
      : []),
    leadDays
      ? `Lead time: median ${days(leadDays.median)} d, 80 % within ${days(leadDays.p10)}–${days(leadDays.p90)} d, ` +
        `shortest ${days(leadDays.min)} d, longest ${days(leadDays.max)} d`
      : 'Lead time: no alert stood when a failure came',
    `First alarm more than ${bounds.earlyFromDays} days ahead: ${count(alerts.earlyAlarmFailures, 'failure')}`,
  ];
}

/** What the feedback on alerts came to; nothing without any. */
function formatFeedback({ alerts }: AlertScore): string[] {
  const given = alerts.filter(({ feedback }) => feedback !== null);
  if (given.length === 0) return [];
  const judged = (verdict: AlertVerdict) => given.filter((alert) => alert.verdict === verdict).length;
  const [confirmed, wrong, unclear] = [judged('confirmed'), judged('false'), judged('unclear')];
  const failed = given.length - confirmed - wrong - unclear;
  return [
    `Feedback on ${count(given.length, 'alert')}: ${confirmed} confirmed, though no failure came; ${wrong} false; ` +
      `${unclear} unclear, left out of the precision; ${failed} followed by a failure, which counts`,
  ];
}

/** By rule, how long before the failure its alerts had fired: also where the failure came after the record's end. */
function formatAlertLeads({ alerts }: AlertScore): string[] {
  const byRule = new Map<string, number[]>();
  for (const { rule, leadDays } of alerts)
    if (leadDays !== null) byRule.set(rule, [...(byRule.get(rule) ?? []), leadDays]);
  return [...byRule].map(([rule, leads]) => {
    const ascending = leads.sort((a, b) => a - b);
    const at = (share: number): string => days(quantile(ascending, share));
    return `  ${rule}: ${ascending.length} stood at the failure, fired ${at(0)}–${at(1)} d before it (median ${at(0.5)} d)`;
  });
}

/** Such as "18 true, 1 false"; "none" when all are 0. */
function formatCounts(counts: AlertScore['alertCounts']): string {
  const present = Object.entries(counts).filter(([, number]) => number > 0);
  return present.map(([verdict, number]) => `${number} ${verdict}`).join(', ') || 'none';
}

function range(interval: Interval | null, format: (value: number) => string): string {
  return interval ? `${format(interval.low)}${interval.low < 0 ? ' to ' : '–'}${format(interval.high)}` : '–';
}

const score = (value: number | null) => (value === null ? '–' : value.toFixed(4));
/** The tail of χ² is known to twelve digits. */
export const probabilityText = (value: number) => (value < 1e-12 ? '< 1e-12' : value.toPrecision(2));
const fraction = (value: number | null) => (value === null ? '–' : value.toFixed(3));
const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const days = (value: number) => value.toFixed(value < 10 ? 1 : 0);
const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? '' : 's'}`;
const someOf = (names: readonly string[]) =>
  names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');

/** First column to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
}
