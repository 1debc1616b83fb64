/** A backtest as one HTML file, for people who were not there. */

import type { AlertPolicy, AlertTradeOff } from '../backtest/alert-cost.js';
import { storyEvidence, storyWords } from '../backtest/alert-cost-text.js';
import { alertEpisodes } from '../backtest/alert-episodes.js';
import type { AlertScore, AlertVerdict, FailureVerdict } from '../backtest/alert-score.js';
import type { AlertStory } from '../backtest/alert-stories.js';
import type { ForecasterAlerts, JudgedRule } from '../backtest/forecaster-alerts.js';
import { alertFigureWords, figureText, ownRuleWords, ruleText } from '../backtest/forecaster-alerts-text.js';
import type { Interval } from '../backtest/metrics/bootstrap.js';
import type { BacktestReport } from '../backtest/report.js';
import { probabilityText } from '../backtest/report-text.js';
import { probabilityWithin } from '../domain/forecast.js';
import type { BacktestOutcome } from './backtest.js';
import { fleetTimeline, type TimelineMachine } from './pictures/fleet-timeline.js';
import { escapeHtml, lineChart, type Series } from './pictures/line-chart.js';
import { htmlPage, section } from './pictures/page.js';
import { reliabilityChart } from './pictures/reliability-chart.js';

/** Machines on the timeline. */
const timelineMost = 60;

/**
 * `notes`: what a reader must know of the scores, such as machines that the network was trained on. `more`: sections that follow those
 * on the curves.
 */
export function backtestHtml(
  outcome: BacktestOutcome,
  name: string,
  notes: readonly string[],
  more: readonly string[] = [],
): string {
  const { report, tradeOff, stories } = outcome;
  const alerts = report.alerts as AlertScore;
  return htmlPage(`Backtest on ${name}`, [
    section(
      'In short',
      `${shortHtml(report, tradeOff, alerts)}${notes.map((note) => `<p><b>Note:</b> ${escapeHtml(note)}</p>`).join('')}`,
    ),
    section(
      'Fleet',
      `<p>A row is a machine. Blue: P(fail within ${tradeOff.withinDays} days), darker is more; grey: could not be assessed. The bar below it: an alert stood. ×: the machine failed. A good forecast darkens before each ×, a good rule puts a bar there and nowhere else.</p>${timelineHtml(outcome)}`,
    ),
    section(
      'How good the curves are',
      `<p>Brier score: mean of (probability said − what came)², 0 is perfect. The marginal hazard says the same of every machine; whoever is below it looks at the machine with success.</p><div class="charts">${brierChart(report)}</div>${scoresHtml(report)}`,
    ),
    ...more,
    section(
      'Can the probabilities be taken at their word?',
      `<p>Of the forecasts of ${escapeHtml(report.forecasters[0]?.name ?? '')} that said about <i>p</i>, what share failed by that day? On the diagonal: as often as said; above it: more often. Larger dots: more forecasts.</p><div class="charts">${report.forecasters[0]?.days.map((day) => reliabilityChart(day)).join('') ?? ''}</div>`,
    ),
    section(
      'Alerts',
      `<p>What people would have lived through with the rules in force. A warning is in time from ${alerts.bounds.usefulFromDays} days before the failure on. An alert speaks of the ${alerts.bounds.claimDays} days after it fired.</p><div class="charts">${leadChart(alerts)}${tradeOffChart(tradeOff)}${costChart(tradeOff)}</div>${verdictsHtml(alerts)}${policiesHtml(tradeOff)}`,
    ),
    ...feedbackSections(alerts),
    section('The same rules on plain forecasts', alertingHtml(outcome.alerting)),
    section('What went wrong', storiesHtml(stories)),
    section('How it was judged', judgedHtml(report)),
  ]);
}

function shortHtml(
  report: BacktestReport,
  { inForce, never, always, cheapest, withinDays }: AlertTradeOff,
  alerts: AlertScore,
): string {
  const [own] = report.forecasters;
  const [skill] = report.skills;
  const { foreseen, ahead, early, late, missed } = alerts.failureCounts;
  const points = [
    `${report.rows.judgedCount} forecasts of ${report.rows.machineCount} machines were judged; ${report.rows.failedCount} were followed by a failure within ${report.horizonDays} days.`,
    `Mean Brier score ${number(own?.meanBrier ?? null)} (${range(own?.meanBrierInterval ?? null)}); ${percent(skill?.skill ?? null)} of the score of the ${report.reference} is gone (${range(skill?.interval ?? null, percent)}).`,
    `Of ${alerts.failures.length} failures ${foreseen + ahead + early} were warned of in time, ${late} late, ${missed} not at all; ${alerts.alertCounts.false} of ${alerts.alerts.length} alerts were false${alerts.alertCounts.confirmed > 0 ? `, ${alerts.alertCounts.confirmed} confirmed by somebody who looked` : ''}.`,
    `That costs ${inForce.cost.toFixed(0)}; never alerting ${never.cost.toFixed(0)}, always alerting ${always.cost.toFixed(0)}; the cheapest threshold, P(fail within ${withinDays} days) ≥ ${cheapest.threshold}, ${cheapest.cost.toFixed(0)}.`,
  ];
  return `<ul>${points.map((point) => `<li>${escapeHtml(point)}</li>`).join('')}</ul>`;
}

/** Those with failures or alerts first. */
function timelineHtml({ replayed, observations, tradeOff, report }: BacktestOutcome): string {
  const episodes = alertEpisodes(replayed.alerts);
  const machines = observations.map(({ machine, failuresMs, fromMs, watchedUntilMs }): TimelineMachine => {
    const newest = new Map(
      replayed.forecasts
        .filter(
          (each) =>
            each.machine === machine && each.status !== 'provisional' && each.originMs <= watchedUntilMs,
        )
        .sort((a, b) => a.revision - b.revision)
        .map((each) => [each.originMs, probabilityWithin(each, tradeOff.withinDays) ?? null]),
    );
    return {
      machine,
      forecasts: [...newest]
        .map(([originMs, probability]) => ({ originMs, probability }))
        .sort((a, b) => a.originMs - b.originMs),
      alerts: episodes
        .filter((each) => each.machine === machine && each.firedMs <= watchedUntilMs)
        .map(({ firedMs, endedMs }) => ({ fromMs: firedMs, toMs: Math.min(endedMs, watchedUntilMs) })),
      failuresMs: failuresMs.filter((timeMs) => timeMs >= fromMs && timeMs <= watchedUntilMs),
    };
  });
  const events = ({ failuresMs, alerts }: TimelineMachine) =>
    (failuresMs.length > 0 ? 2 : 0) + (alerts.length > 0 ? 1 : 0);
  const shown = machines
    .sort((a, b) => events(b) - events(a) || (a.machine < b.machine ? -1 : 1))
    .slice(0, timelineMost);
  const left = machines.length - shown.length;
  const dayMs = (report.alerts as AlertScore).dayMs;
  return `<div style="overflow-x:auto">${fleetTimeline(shown, dayMs)}</div>${left > 0 ? `<p>${left} more machines are not shown: those with failures, then those with alerts come first.</p>` : ''}`;
}

/** The pipeline, the reference, the other baselines. */
const looks = ['first', 'reference', 'second', 'third', 'fourth'] as const;

function brierChart({ forecasters }: BacktestReport): string {
  return lineChart({
    title: 'Brier score by day of the horizon',
    xLabel: 'days ahead',
    yLabel: 'Brier score',
    series: forecasters.map(
      ({ name, brierByDay }, index): Series => ({
        name,
        look: looks[index] ?? 'reference',
        points: brierByDay.flatMap((value, day) => (value === null ? [] : [[day + 1, value] as const])),
      }),
    ),
  });
}

function scoresHtml({ forecasters, skills }: BacktestReport): string {
  const rows = forecasters.map(
    ({ name, meanBrier, meanBrierInterval, concordance, concordanceInterval, days }) => {
      const last = days.at(-1);
      const over = skills.find((each) => each.over === name);
      return tr([
        escapeHtml(name),
        `${number(meanBrier)} (${range(meanBrierInterval)})`,
        `${number(concordance)} (${range(concordanceInterval)})`,
        `${number(last?.averagePrecision ?? null)} (${range(last?.intervals.averagePrecision ?? null)})`,
        `${number(last?.logLoss ?? null)} (${range(last?.intervals.logLoss ?? null)})`,
        over ? `${percent(over.skill)} (${range(over.interval, percent)})` : '–',
      ]);
    },
  );
  const day = forecasters[0]?.days.at(-1)?.day;
  return `<div style="overflow-x:auto"><table class="figures">${tr(['', 'mean Brier', 'concordance', `average precision, day ${day}`, `log loss, day ${day}`, `skill of ${escapeHtml(forecasters[0]?.name ?? '')} over it`], 'th')}${rows.join('')}</table></div><p>In brackets 95 % intervals, by drawing machines again and again. Concordance: of two machines, how often the one that failed first was said to be in more danger; 0.5 is a coin. A skill whose interval is above 0 is no luck.</p>`;
}

function leadChart({ failures }: AlertScore): string {
  const leads = failures.flatMap(({ leadDays }) => leadDays ?? []).sort((a, b) => a - b);
  const points = leads.map((lead, index) => [lead, (leads.length - index) / failures.length] as const);
  return lineChart({
    title: 'Lead times: alerted at least so long before',
    xLabel: 'days before the failure',
    yLabel: 'share of failures',
    xRange: [0, Math.max(1, ...leads)],
    yRange: [0, 1],
    series: [{ name: 'rules in force', look: 'first', points, radii: points.map(() => 2) }],
  });
}

function tradeOffChart({ curve, inForce, withinDays }: AlertTradeOff): string {
  const points = (policies: readonly AlertPolicy[]) =>
    policies.flatMap(({ alertsPerMachineMonth: x, warnedShare: y }) =>
      x === null || y === null ? [] : [[x, y] as const],
    );
  const series = (
    name: string,
    look: Series['look'],
    policies: readonly AlertPolicy[],
    radius: number,
  ): Series => ({
    name,
    look,
    points: points(policies),
    radii: points(policies).map(() => radius),
  });
  return lineChart({
    title: 'What a warning costs in alerts',
    xLabel: 'alerts per machine-month',
    yLabel: 'failures warned of in time',
    yRange: [0, 1],
    xRange: [0, Math.max(0.1, ...points([...curve, inForce]).map(([x]) => x))],
    series: [
      series(`P(fail within ${withinDays} d) ≥ threshold`, 'first', curve, 2.5),
      series('rules in force', 'second', [inForce], 6),
    ],
  });
}

function costChart({ curve, inForce, never, always, withinDays }: AlertTradeOff): string {
  const [low, high] = [curve[0]?.threshold ?? 0, curve.at(-1)?.threshold ?? 1];
  const level = (name: string, look: Series['look'], { cost }: AlertPolicy): Series => ({
    name: `${name}: ${cost.toFixed(0)}`,
    look,
    points: [
      [low, cost],
      [high, cost],
    ],
  });
  return lineChart({
    title: 'Cost by threshold',
    xLabel: `P(fail within ${withinDays} d) at which it alerts`,
    yLabel: 'cost',
    yRange: [0, 1.05 * Math.max(1, ...[...curve, inForce, never, always].map(({ cost }) => cost))],
    series: [
      {
        name: 'threshold',
        look: 'first',
        points: curve.map(({ threshold, cost }) => [threshold ?? 0, cost]),
      },
      level('rules in force', 'second', inForce),
      level('never', 'third', never),
      level('always', 'fourth', always),
    ],
  });
}

function policiesHtml({ costs, withinDays, inForce, never, always, curve, cheapest }: AlertTradeOff): string {
  const row = (name: string, policy: AlertPolicy) =>
    tr([
      name,
      policy.cost.toFixed(0),
      percent(policy.warnedShare),
      String(policy.alertCount),
      policy.alertsPerMachineMonth?.toFixed(2) ?? '–',
    ]);
  const swept = curve.map((policy) =>
    row(
      `P(fail within ${withinDays} d) ≥ ${policy.threshold}${policy === cheapest ? ' (cheapest)' : ''}`,
      policy,
    ),
  );
  return `<p>Costs: ${costs.failure} for a failure without a warning in time, ${costs.earlyMaintenance} for maintenance on a warning in its place, ${costs.inspection} for every alert (somebody looks), ${costs.falseAlarm} more for a false one. “Always” alerts for every machine anew as soon as the alert before has had its time. The cheapest threshold was found on these very failures: choose it on some machines or months, and judge it on others.</p><table>${tr(['', 'cost', 'warned in time', 'alerts', 'per machine-month'], 'th')}${row('rules in force', inForce)}${row('never', never)}${row('always', always)}${swept.join('')}</table>`;
}

/** What a network is worth to those who get the alerts. */
function alertingHtml(alerting: readonly ForecasterAlerts[]): string {
  const head = tr(['', ...alerting.map(({ name }) => escapeHtml(name))], 'th');
  const rows = (judged: (each: ForecasterAlerts) => JudgedRule) =>
    alertFigureWords
      .map(({ title, figure, format }) =>
        tr([title, ...alerting.map((each) => figureText(judged(each), figure, format))]),
      )
      .join('');
  return `<p>The alerts that the baselines would have given, through the same stage, from the same days, where the machines could be assessed. In brackets 95 % intervals, by drawing machines again and again.</p><p><b>The rules in force on the curves of each</b></p><div style="overflow-x:auto"><table class="figures">${head}${rows(({ inForce }) => inForce)}</table></div><p>Thresholds that suit one forecaster need not suit another, so the second table lets each have its own.</p><p><b>${escapeHtml(ownRuleWords(alerting))}</b></p><div style="overflow-x:auto"><table class="figures">${head}${tr(['alert when', ...alerting.map(({ own }) => escapeHtml(ruleText(own.rule)))])}${rows(({ own }) => own)}</table></div>`;
}

function storiesHtml(stories: readonly AlertStory[]): string {
  if (stories.length === 0) return '<p>No failure was missed or warned of late, no alert was false.</p>';
  const rows = stories.map((story) =>
    tr([
      escapeHtml(story.machine),
      dateText(story.timeMs),
      storyWords[story.kind],
      escapeHtml(story.rule ?? ''),
      escapeHtml(story.cause),
      escapeHtml(storyEvidence(story)),
    ]),
  );
  return `<p>What the curve said and on what data: of the days before a failure, or after an alert.</p><div style="overflow-x:auto"><table class="words">${tr(['machine', 'day', 'what', 'rule', 'why', 'what the curve said'], 'th')}${rows.join('')}</table></div>`;
}

/** How the failures were met, and what became of the alerts: the words of the report, explained. */
function verdictsHtml({ bounds, failureCounts, alertCounts }: AlertScore): string {
  const { usefulFromDays, usefulToDays, earlyFromDays, claimDays } = bounds;
  const failureWords: Record<FailureVerdict, string> = {
    foreseen: `an alert stood, and had fired ${usefulFromDays} to ${usefulToDays} days before`,
    ahead: `an alert stood, and had fired ${usefulToDays} to ${earlyFromDays} days before`,
    early: `an alert stood, and had fired more than ${earlyFromDays} days before: good life was wasted`,
    late: `an alert stood, but for less than ${usefulFromDays} days`,
    missed: 'no alert stood',
  };
  const alertWords: Record<AlertVerdict, string> = {
    true: 'the failure came while it stood',
    early: `the failure came while it stood, but more than ${earlyFromDays} days after it fired`,
    'cleared-too-soon': `it had cleared when the failure came, within ${claimDays} days of its firing`,
    false: `no failure came within ${claimDays} days, or somebody looked and the machine was well`,
    intervened: 'maintenance or retirement ended it: whether it was right nobody knows',
    undecided: `the record ends before ${claimDays} days have passed`,
    confirmed: 'no failure came, but somebody looked and found a fault',
    unclear: 'no failure came, and who looked could not tell',
  };
  const rows = <Verdict extends string>(
    counts: Readonly<Record<Verdict, number>>,
    words: Readonly<Record<Verdict, string>>,
  ) =>
    (Object.keys(counts) as Verdict[])
      .filter((verdict) => counts[verdict] > 0)
      .map((verdict) => tr([verdict.replaceAll('-', ' '), String(counts[verdict]), words[verdict]]))
      .join('');
  return `<table class="words">${tr(['failures', '', ''], 'th')}${rows(failureCounts, failureWords)}${tr(['alerts', '', ''], 'th')}${rows(alertCounts, alertWords)}</table>`;
}

/** What those found who looked; no section without any. */
function feedbackSections({ alerts }: AlertScore): string[] {
  const rows = alerts.flatMap(({ machine, firedMs, rule, verdict, feedback }) =>
    feedback === null
      ? []
      : tr(
          [
            machine,
            dateText(firedMs),
            rule,
            feedbackWords[feedback.verdict],
            feedback.fault,
            feedback.by,
            verdict,
          ].map(escapeHtml),
        ),
  );
  if (rows.length === 0) return [];
  return [
    section(
      'What people said of the alerts',
      `<p>A failure that follows an alert says whether it was right. Where none followed, it is <b>confirmed</b> if somebody found a fault, false if the machine was well, and left out of the precision if it was unclear.</p><div style="overflow-x:auto"><table class="words">${tr(['machine', 'fired', 'rule', 'said of it', 'fault', 'by', 'judged as'], 'th')}${rows.join('')}</table></div>`,
    ),
  ];
}

const feedbackWords = {
  true: 'there was a fault',
  false: 'the machine was well',
  unclear: 'unclear',
} as const;

function judgedHtml({ selection, rows, bootstrap, forecasters }: BacktestReport): string {
  const dCalibration = forecasters[0]?.dCalibration;
  const points = [
    `${selection === 'last' ? 'The last origin of each machine' : 'Every origin'} with a known future; a day counts where the machine was under observation on it.`,
    `${rows.notAssessableCount} forecasts were not assessable and are scored as the marginal hazard; ${rows.silentCount} origins after a machine's last reading and ${rows.unjudgedCount} without a known future are left out.`,
    `The history went through the stages of the live pipeline with its own clock; baselines were fitted on other data and asked at the same origins.`,
    `Intervals: machines drawn with replacement ${bootstrap.drawCount} times, seed ${bootstrap.seed}.`,
    ...(dCalibration
      ? [
          `D-calibration: χ² ${dCalibration.statistic.toFixed(1)} over ten bins of the survival probability at the failure (p ${probabilityText(dCalibration.pValue)}, were rows independent).`,
        ]
      : []),
  ];
  return `<ul>${points.map((point) => `<li>${escapeHtml(point)}</li>`).join('')}</ul>`;
}

function tr(cells: readonly string[], tag: 'td' | 'th' = 'td'): string {
  return `<tr>${cells.map((cell, index) => (index === 0 ? `<th>${cell}</th>` : `<${tag}>${cell}</${tag}>`)).join('')}</tr>`;
}

const dateText = (timeMs: number) => new Date(timeMs).toISOString().slice(0, 10);
const number = (value: number | null) => (value === null ? '–' : value.toPrecision(3));
const percent = (value: number | null) => (value === null ? '–' : `${(100 * value).toFixed(0)} %`);
const range = (interval: Interval | null, format: (value: number) => string = number) =>
  interval ? `${format(interval.low)} to ${format(interval.high)}` : '–';
