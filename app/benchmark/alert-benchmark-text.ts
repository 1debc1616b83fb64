/** A benchmark of alerts in words. */
import { formatStories, formatTradeOff } from '../../backtest/alert-cost-text.js';
import { formatAlerting, ruleText } from '../../backtest/forecaster-alerts-text.js';
import { formatReport } from '../../backtest/report-text.js';
import type { AlertBenchmarkResult } from './alert-benchmark.js';

/** What a reader of the report must know, in sentences. */
export function alertBenchmarkNotes({ protocol, choice }: AlertBenchmarkResult): string[] {
  const [first] = choice;
  return [
    `Rules chosen: ${protocol.choice}.`,
    `Judged: ${protocol.test}.`,
    `The rules in force are one rule, the cheapest for the network on the first part: ${ruleText(first?.own.rule ?? null)}. Baselines are judged with it, and with the one that was cheapest for each there.`,
  ];
}

export function formatAlertBenchmark(result: AlertBenchmarkResult): string {
  const { test, choice } = result;
  const cost = choice.map(({ name, own }) => `${name} ${own.figures.cost.toFixed(0)}`).join(', ');
  return [
    ...alertBenchmarkNotes(result),
    `What they cost where they were chosen: ${cost}.`,
    '',
    formatReport(test.report),
    '',
    ...formatTradeOff(test.tradeOff),
    '',
    ...formatAlerting(test.alerting),
    '',
    ...formatStories(test.stories),
  ].join('\n');
}
