/** The trace of an alert, for people. */
import type { Rule } from '../../alerts/rule.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import { measureKey } from '../../domain/measure.js';
import type { TracedTransition } from '../alert-trace.js';
import { formatProbability, formatTime } from './format.js';

/** What the trace asks of a rule. */
type TracedRule = Pick<Rule, 'version' | 'measures'>;

/** `inForce`: the alert's rule as it is now, for each machine type, and with each of its overrides. */
export function formatAlertTrace(
  traced: readonly TracedTransition[],
  inForce: readonly TracedRule[],
): string {
  const alertId = traced[0]?.alert.alertId ?? '';
  return [alertId, ...traced.flatMap((each) => ['', ...linesOf(each, inForce)])].join('\n');
}

function linesOf(
  { alert, partition, forecast, step }: TracedTransition,
  inForce: readonly TracedRule[],
): string[] {
  const { trace } = alert;
  const severity = alert.severity === '' ? '' : ` ${alert.severity}`;
  const head = [`${formatTime(alert.timeMs)}  ${alert.transition}${severity}: ${alert.summary}`];
  if (!trace) return [...head, `  by        ${alert.reason}`];
  const rule = inForce.find(({ version }) => version === trace.ruleVersion);
  return [
    ...head,
    `  rule      ${alert.rule} ${trace.ruleVersion}${rule ? '' : ', which has been changed since'}`,
    `  forecast  forecasts[${partition}]@${trace.forecastOffset}, origin ${formatTime(trace.originMs)}, revision ${trace.revision}${
      forecast ? '' : '; the log no longer has it'
    }`,
    `  model     ${trace.model || 'none'}`,
    ...(forecast
      ? [
          `  curve     ${curveOf(forecast.probabilities)} (${forecast.status}, coverage ${forecast.coverage.toFixed(2)})`,
          ...measuredLines(forecast, rule),
          `  window    ends with step ${forecast.stepIndex} of its life, steps[${partition}]@${forecast.stepOffset}${
            step ? '' : '; replaced by a newer revision'
          }`,
        ]
      : []),
    ...(step
      ? [
          `  readings  inputs[${partition}]@${step.firstOffset}..${step.lastOffset}, ${formatTime(step.startMs)} to ${formatTime(step.endMs)}`,
        ]
      : []),
  ];
}

/** What the rule asked of sensors; of a rule that is no longer known, what any rule asked. */
function measuredLines({ measured = {} }: ForecastRecord, rule: TracedRule | undefined): string[] {
  const keys = rule ? [...new Set(rule.measures.map(measureKey))] : Object.keys(measured);
  if (keys.length === 0) return [];
  const words = keys.map((key) => `${key} ${measuredWords(measured[key] ?? null)}`);
  return [`  measured  ${words.join(', ')}${rule ? '' : ' (by all rules of that time)'}`];
}

const measuredWords = (value: number | null) =>
  value === null ? 'cannot be told' : String(Number(value.toPrecision(4)));

/** A few steps of it. */
function curveOf(probabilities: readonly number[]): string {
  if (probabilities.length === 0) return 'none';
  const last = probabilities.length;
  const shown = [...new Set([1, Math.ceil(last / 4), Math.ceil(last / 2), last])];
  return shown.map((k) => `F(${k}) ${formatProbability(probabilities[k - 1] as number)}`).join(', ');
}
