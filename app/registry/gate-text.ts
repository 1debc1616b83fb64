import type { Interval } from '../../backtest/metrics/bootstrap.js';
import { formatCount, formatCounted, formatNumber, formatTime } from '../terminal/format.js';
import { type GateDecision, type GateReport, leastFailures, leastMachines } from './gate.js';

export function formatGate(report: GateReport): string {
  const { champion, shadow, type, firstOriginMs, lastOriginMs, forecastCount, machineCount, failureCount } =
    report;
  return [
    `${shadow} in the shadow of ${champion}, on ${formatCount(forecastCount)} forecasts of ${type} that both have made, from ${formatTime(firstOriginMs)} to ${formatTime(lastOriginMs)}:`,
    `${formatCounted(machineCount, 'machine')}, ${formatCounted(failureCount, 'failure')}`,
    `  mean Brier ${formatNumber(report.shadowMeanBrier ?? Number.NaN)}, in use ${formatNumber(report.championMeanBrier ?? Number.NaN)}${between(report.difference)}`,
    `  cost of alerts and failures ${formatNumber(report.shadowCost)}, in use ${formatNumber(report.championCost)}${between(report.costDifference)}`,
    gateReason(report),
  ].join('\n');
}

/** In a sentence without its full stop. */
export function gateReason(report: GateReport): string {
  const { shadow, champion, withoutCurveCount } = report;
  const reasons: Readonly<Record<GateDecision, string>> = {
    better: `${shadow} is better than ${champion}, and its alerts do not cost more, as far as these machines tell`,
    level: `${shadow} and ${champion} cannot be told apart by these machines`,
    worse: `${shadow} is worse than ${champion}, by its curves or by what its alerts cost`,
    'too-little': `too little is known yet: at least ${leastMachines} machines and ${leastFailures} failures are needed`,
    broken: `${shadow} has no curve in ${formatCounted(withoutCurveCount, 'forecast')} where ${champion} has one`,
  };
  return reasons[report.decision];
}

function between(difference: Interval | null): string {
  return difference
    ? ` (difference ${formatNumber(difference.low)} to ${formatNumber(difference.high)}, 95 %)`
    : '';
}
