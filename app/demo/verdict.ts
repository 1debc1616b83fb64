/** What the demo comes to: every failure with its lead time, false alarms, and how good the curves were. */
import { type AlertScore, alertBoundsSchema, scoreAlerts } from '../../backtest/alert-score.js';
import { indexHistories } from '../../backtest/baselines/baseline.js';
import { fitBaselines } from '../../backtest/baselines/fit-baselines.js';
import { judgeReplay } from '../../backtest/judge-replay.js';
import { readTopic } from '../../backtest/read-topic.js';
import type { BacktestReport } from '../../backtest/report.js';
import type { AlertRecord } from '../../domain/alert.js';
import type { Dataset } from '../../domain/dataset.js';
import type { History, Predictor } from '../../domain/features.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import type { Log } from '../../domain/log.js';
import type { MachineType } from '../../domain/machine-type.js';
import { topics } from '../../domain/topics.js';
import { makeStepCalendar } from '../../stream/step-calendar.js';
import type { Deployment } from '../config.js';
import { observe, stepsOf } from '../fates.js';
import { readHistories } from '../history.js';
import { formatDays, formatNumber } from '../terminal/format.js';
import { formatTable } from '../terminal/table.js';
import type { Paint } from '../terminal/terminal.js';

export interface Verdict {
  readonly report: BacktestReport;
  readonly alerts: AlertScore;
  /** At least 18 of 20 failures foreseen, at most 2 alerted more than 60 days ahead; in proportion for other fleets. */
  readonly passed: boolean;
}

/** Reads what the live run left in its log: the same judge as the backtest's, on what people saw. */
export async function judgeDemo(run: {
  readonly deployment: Deployment;
  readonly type: MachineType;
  readonly predictor: Predictor;
  readonly dataset: Dataset;
  readonly training: readonly History[];
  readonly log: Log;
}): Promise<Verdict> {
  const { deployment, type, predictor, dataset, log } = run;
  const forecasts: ForecastRecord[] = [];
  for await (const record of readTopic(log, topics.forecasts))
    if (record.kind === 'forecast') forecasts.push(record);
  const transitions: AlertRecord[] = [];
  for await (const record of readTopic(log, topics.alerts)) transitions.push(record);
  const calendar = makeStepCalendar(type.step);
  const observations = dataset.machines.map((machine) => observe(machine, calendar));
  const alerts = scoreAlerts(transitions, observations, alertBoundsSchema.parse({}), calendar.nominalMs);
  const report = judgeReplay({
    name: predictor.version,
    forecasts,
    observations,
    baselines: fitBaselines(run.training, predictor.spec),
    find: indexHistories((await readHistories(deployment, log)).get(type.name) ?? []),
    horizonDays: type.horizonSteps,
    selection: 'all',
    steps: stepsOf(calendar),
    alerts,
  });
  const failureCount = alerts.failures.length;
  const passed =
    alerts.failureCounts.foreseen >= 0.9 * failureCount && alerts.earlyAlarmFailures <= 0.1 * failureCount;
  return { report, alerts, passed };
}

const verdictWords = {
  foreseen: 'foreseen',
  ahead: 'foreseen, well ahead',
  early: 'alerted too early',
  late: 'alerted too late',
  missed: 'missed',
} as const;

export function formatVerdict({ report, alerts }: Verdict, startMs: number, paint: Paint): string {
  const dayMs = 86_400_000;
  const rows = [...alerts.failures]
    .sort((a, b) => a.failureMs - b.failureMs)
    .map(({ machine, failureMs, leadDays, verdict }) => {
      const word = verdictWords[verdict];
      const painted = verdict === 'foreseen' || verdict === 'ahead' ? paint.good(word) : paint.critical(word);
      return [
        machine,
        `day ${Math.ceil((failureMs - startMs) / dayMs)}`,
        formatDays(leadDays === null ? null : Math.round(leadDays)),
        painted,
      ];
    });
  const table = formatTable(
    [
      { title: 'engine' },
      { title: 'failed on', align: 'right' },
      { title: 'alerted ahead', align: 'right' },
      { title: '' },
    ],
    rows,
  );
  const { foreseen, ahead, early, late, missed } = alerts.failureCounts;
  const lead = alerts.leadDays;
  const [ours, marginal] = report.forecasters;
  const { usefulFromDays, usefulToDays } = alerts.bounds;
  return [
    table,
    '',
    `  ${alerts.failures.length} failures · ${foreseen} foreseen (${usefulFromDays} to ${usefulToDays} days ahead) · ${ahead} further ahead · ${early} too early · ${late} too late · ${missed} missed`,
    lead === null
      ? ''
      : `  lead time median ${formatDays(Math.round(lead.median))} (${Math.round(lead.min)} … ${Math.round(lead.max)}) · ${alerts.alertCounts.false} false alarms, ${formatNumber(alerts.falseAlarmsPerMachineMonth ?? Number.NaN)} a machine-month`,
    `  mean Brier score ${formatNumber(ours?.meanBrier ?? Number.NaN)} over every day of every engine (no-skill ${formatNumber(marginal?.meanBrier ?? Number.NaN)}; lower is better)`,
  ].join('\n');
}
