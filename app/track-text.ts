/** A tracking report as text for a terminal. */
import type { ChartPoint } from '../backtest/control-chart.js';
import type { Interval } from '../backtest/metrics/bootstrap.js';
import type { Promised } from '../backtest/promise.js';
import type { BacktestReport, ForecasterScores } from '../backtest/report.js';
import { formatReport } from '../backtest/report-text.js';
import { formatCount, formatCounted, formatTime } from './terminal/format.js';
import { formatTable } from './terminal/table.js';
import type { TrackedSpan, TrackReport } from './track.js';

export function formatTrack(track: TrackReport): string {
  const { whole } = track;
  return [
    `Forecasts of ${track.type} from ${formatTime(whole.firstOriginMs)} to ${formatTime(whole.lastOriginMs)}; what happened is known up to ${formatTime(track.knownUntilMs)}.`,
    '',
    formatReport(whole.report),
    '',
    ...formatReliability(whole.report),
    '',
    ...formatPeriods(track.periods),
    '',
    ...formatVersions(track),
    ...formatChart(track.chart),
  ].join('\n');
}

/** What to know before the figures are believed. */
export function trackNotes(track: TrackReport): string[] {
  const { fittedOn, olderExpired, withoutNetworkCount, versions, type } = track;
  const notes: string[] = [];
  if (olderExpired)
    notes.push(
      `forecasts before ${formatTime(track.whole.firstOriginMs)} have left the log: keep them longer with log.retentionMs`,
    );
  if (withoutNetworkCount > 0)
    notes.push(
      `${formatCounted(withoutNetworkCount, 'forecast')} of ${type} left out: no network for failures made them`,
    );
  if (fittedOn.failedCount === 0)
    notes.push(
      fittedOn.source === 'own-record'
        ? 'nothing had failed here before the first of these forecasts, so that the marginal hazard, the only baseline, says that nothing fails: name the data that the network was trained on (--baseline-data), or judge later days only (--from)'
        : 'nothing fails in the data of --baseline-data, so that the marginal hazard, the only baseline, says that nothing fails',
    );
  for (const { name, leakage, fault } of versions) {
    if (fault !== null) notes.push(fault);
    const learned = leakage?.trainingMachines.length ?? 0;
    if (learned > 0)
      notes.push(
        `${name} has learned from ${formatCounted(learned, 'machine')} on days that it has forecast here: its scores flatter it. Judge later days (--from)`,
      );
  }
  return notes;
}

/** What was said and what came, by horizon: the bins of the reliability curve that hold something. */
function formatReliability({ forecasters }: BacktestReport): string[] {
  const { days } = ownOf(forecasters);
  const rows = (days[0]?.reliability ?? []).flatMap((bin, index) => {
    const cells = days.map(({ reliability }) => {
      const { count, meanForecast, failedShare } = reliability[index] as (typeof reliability)[number];
      return meanForecast === null || failedShare === null
        ? '–'
        : `${percent(meanForecast)} → ${percent(failedShare)} (${formatCount(count)})`;
    });
    return cells.every((cell) => cell === '–')
      ? []
      : [[`${percent(bin.low, 0)} to ${percent(bin.high, 0)}`, ...cells]];
  });
  return [
    formatTable(
      [
        { title: 'said → came (forecasts)' },
        ...days.map(({ day }) => ({ title: `day ${day}`, align: 'right' as const })),
      ],
      rows,
    ),
  ];
}

function formatPeriods(periods: readonly TrackedSpan[]): string[] {
  const days = ownOf(periods[0]?.report.forecasters ?? []).days.map(({ day }) => day);
  return [
    formatTable(
      [
        { title: 'issued in' },
        ...[
          'forecasts',
          'machines',
          'mean Brier',
          '95 %',
          ...days.map((day) => `day ${day}`),
          'concordance',
          '95 %',
          'skill',
          'alerts',
          'false',
          'failures',
          'missed',
        ].map((title) => ({ title, align: 'right' as const })),
      ],
      periods.map(({ name, report }) => {
        const { meanBrier, meanBrierInterval, days, concordance, concordanceInterval, skill } = ownOf(
          report.forecasters,
        );
        const { alerts } = report;
        return [
          name,
          formatCount(report.rows.judgedCount),
          formatCount(report.rows.machineCount),
          score(meanBrier),
          range(meanBrierInterval, score),
          ...days.map(({ brier }) => score(brier)),
          score(concordance, 3),
          range(concordanceInterval, (value) => score(value, 3)),
          skill === null ? '–' : percent(skill),
          ...[
            alerts?.alerts.length,
            alerts?.alertCounts.false,
            alerts?.failures.length,
            alerts?.failureCounts.missed,
          ].map((count) => formatCount(count ?? 0)),
        ];
      }),
    ),
    'A day that has not passed for any of them has no score yet, and then there is no mean. Alerts and failures: those of that time.',
  ];
}

function formatVersions({ versions }: TrackReport): string[] {
  const rows = versions.map(({ name, report, firstOriginMs, lastOriginMs, promised }) => {
    const { meanBrier, meanBrierInterval } = ownOf(report.forecasters);
    return [
      name,
      `${formatTime(firstOriginMs).slice(0, 10)} to ${formatTime(lastOriginMs).slice(0, 10)}`,
      formatCount(report.rows.judgedCount),
      score(meanBrier),
      range(meanBrierInterval, score),
      score(promised?.meanBrier ?? null),
      promised ? promisedBy(promised) : 'nothing is known',
    ];
  });
  return [
    formatTable(
      [
        { title: 'network' },
        { title: 'issued' },
        ...['forecasts', 'mean Brier', '95 %', 'promised'].map((title) => ({
          title,
          align: 'right' as const,
        })),
        { title: 'by' },
      ],
      rows,
    ),
  ];
}

const verdictWords = {
  'as-promised': 'as promised',
  worse: 'worse than promised',
  better: 'better than promised',
  unknown: '–',
} as const;

function formatChart(chart: readonly ChartPoint[]): string[] {
  if (chart.every(({ ratio }) => ratio === null)) return [];
  const [first] = chart.filter(({ left }) => left);
  return [
    '',
    formatTable(
      [
        { title: 'issued in' },
        { title: 'error / promised', align: 'right' },
        { title: '95 %', align: 'right' },
        { title: '' },
      ],
      chart.map(({ name, ratio, interval, verdict, left }) => [
        name,
        ratio === null ? '–' : ratio.toFixed(2),
        range(interval, (value) => value.toFixed(2)),
        left ? `${verdictWords[verdict]}, again: left what was promised` : verdictWords[verdict],
      ]),
    ),
    first
      ? `The forecasts left what was promised in ${first.name}: two of three periods lie wholly above 1. Look at the data (doctor, diagnose), or train again.`
      : 'Two of three periods wholly above 1 would say that the forecasts have left what was promised.',
  ];
}

function promisedBy({ source, machineCount }: Promised): string {
  return `${source === 'backtest' ? 'a backtest' : 'its validation'} on ${formatCounted(machineCount, 'machine')}`;
}

/** The plant's forecasts stand before the baselines. */
function ownOf(forecasters: readonly ForecasterScores[]): ForecasterScores {
  return forecasters[0] as ForecasterScores;
}

const score = (value: number | null, digits = 4) => (value === null ? '–' : value.toFixed(digits));
const percent = (value: number, digits = 1) => `${(100 * value).toFixed(digits)} %`;
const range = (interval: Interval | null, format: (value: number) => string) =>
  interval ? `${format(interval.low)}–${format(interval.high)}` : '–';
