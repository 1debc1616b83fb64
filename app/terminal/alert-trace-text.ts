/** The trace of an alert, for people. */
import type { TracedTransition } from '../alert-trace.js';
import { formatProbability, formatTime } from './format.js';

/** `versionsInForce` of the alert's rule: one, or one for each of its overrides. */
export function formatAlertTrace(
  traced: readonly TracedTransition[],
  versionsInForce: ReadonlySet<string>,
): string {
  const alertId = traced[0]?.alert.alertId ?? '';
  return [alertId, ...traced.flatMap((each) => ['', ...linesOf(each, versionsInForce)])].join('\n');
}

function linesOf(
  { alert, partition, forecast, step }: TracedTransition,
  versionsInForce: ReadonlySet<string>,
): string[] {
  const { trace } = alert;
  const severity = alert.severity === '' ? '' : ` ${alert.severity}`;
  const head = [`${formatTime(alert.timeMs)}  ${alert.transition}${severity}: ${alert.summary}`];
  if (!trace) return [...head, `  by        ${alert.reason}`];
  const known = versionsInForce.has(trace.ruleVersion);
  return [
    ...head,
    `  rule      ${alert.rule} ${trace.ruleVersion}${known ? '' : ', which has been changed since'}`,
    `  forecast  forecasts[${partition}]@${trace.forecastOffset}, origin ${formatTime(trace.originMs)}, revision ${trace.revision}${
      forecast ? '' : '; the log no longer has it'
    }`,
    `  model     ${trace.model || 'none'}`,
    ...(forecast
      ? [
          `  curve     ${curveOf(forecast.probabilities)} (${forecast.status}, coverage ${forecast.coverage.toFixed(2)})`,
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

/** A few steps of it. */
function curveOf(probabilities: readonly number[]): string {
  if (probabilities.length === 0) return 'none';
  const last = probabilities.length;
  const shown = [...new Set([1, Math.ceil(last / 4), Math.ceil(last / 2), last])];
  return shown.map((k) => `F(${k}) ${formatProbability(probabilities[k - 1] as number)}`).join(', ');
}
