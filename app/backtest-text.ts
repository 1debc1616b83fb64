/** A backtest as text for a terminal. */
import { formatStories, formatTradeOff } from '../backtest/alert-cost-text.js';
import { formatAlerting } from '../backtest/forecaster-alerts-text.js';
import { formatReport } from '../backtest/report-text.js';
import type { BacktestOutcome } from './backtest.js';

export function formatBacktest({ report, tradeOff, alerting, stories }: BacktestOutcome): string {
  return [
    formatReport(report),
    '',
    ...formatTradeOff(tradeOff),
    '',
    ...formatAlerting(alerting),
    '',
    ...formatStories(stories),
  ].join('\n');
}
