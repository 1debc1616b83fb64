// Where an alert came from: what the real alert stage wrote is followed back through the log to the readings.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeAlertStage } from '../../alerts/alert-stage.js';
import { alertsConfigSchema } from '../../alerts/config.js';
import { bindRules } from '../../alerts/rule.js';
import { traceAlert } from '../../app/alert-trace.js';
import { parseStoryLine } from '../../app/rule-stories/story-line.js';
import { formatAlertTrace } from '../../app/terminal/alert-trace-text.js';
import { readAlertId } from '../../domain/alert.js';
import { machineTypeSchema } from '../../domain/machine-type.js';
import type { StepRecord } from '../../domain/step.js';
import { decodeRecord, encodeRecord, topicSpecs, topics } from '../../domain/topics.js';
import { MemoryLog } from '../../infra/memory/log.js';
import type { Input } from '../alerts/story.js';

const type = machineTypeSchema.parse({ name: 'turbine', sensors: [{ name: 'speed' }] });
const config = alertsConfigSchema.parse({
  rules: [
    {
      name: 'near',
      condition: 'failure_probability(14d)',
      severities: [{ name: 'warning', set: 0.3, reset: 0.2 }],
    },
  ],
});
const startMs = Date.UTC(2026, 2, 1);
const dayMs = 86_400_000;
const machine = 'hall/unit-84';

const stepOf = (day: number): StepRecord => ({
  kind: 'step',
  machine,
  type: 'turbine',
  site: 'north',
  line: 'l1',
  startMs: startMs + (day - 1) * dayMs,
  endMs: startMs + day * dayMs,
  stepIndex: 49 + day,
  lifeStartMs: startMs - 50 * dayMs,
  revision: 0,
  final: true,
  sensors: [null],
  eventCounts: [],
  maintenanceAges: [],
  coverage: [1],
  stuck: [false],
  firstOffset: day * 100,
  lastOffset: day * 100 + 23,
});

async function plantLog(lines: readonly string[]): Promise<MemoryLog> {
  const log = new MemoryLog();
  await log.ensureTopics(topicSpecs(1, Infinity));
  for (const day of [1, 2, 3]) await log.append([encodeRecord(topics.steps, 0, stepOf(day))]);
  for (const line of lines)
    for (const input of parseStoryLine(line, { startMs, type, withinSteps: 14, alertIdOf: () => '' })) {
      const stepOffset = Math.floor(Number(line.split(' ')[0])) - 1;
      const record = (input.kind === 'forecast' ? { ...input, stepOffset } : input) as Input;
      await log.append([encodeRecord(topics.forecasts, 0, record)]);
    }
  const handlerFor = makeAlertStage({ config, types: [type] });
  const consumer = log.consume({
    group: 'alerts',
    topics: [topics.forecasts],
    batchRecordsMax: 10,
    from: 'beginning',
    handlerFor,
  });
  await consumer.close({ drain: true });
  return log;
}

const alertId = `near/${machine}/${startMs + 2 * dayMs}`;

test('each transition leads to its forecast, the step it ends with and the readings in that', async () => {
  const log = await plantLog([`1 ${machine} p 0.1`, `2 ${machine} p 0.4`, `2.5 ${machine} failure`]);
  const traced = await traceAlert(log, alertId);
  assert.deepEqual(
    traced.map(({ alert, forecast, step }) => [
      alert.transition,
      alert.trace?.forecastOffset,
      forecast?.originMs,
      forecast?.stepOffset,
      step?.firstOffset,
    ]),
    [
      ['fired', 1, startMs + 2 * dayMs, 1, 200],
      ['resolved', undefined, undefined, undefined, undefined],
    ],
  );
  const [rule] = bindRules(config, [type]).get('turbine') ?? [];
  const version = rule?.version ?? '';
  const text = formatAlertTrace(traced, rule ? [rule] : []);
  for (const line of [
    `  rule      near ${version}`,
    '  forecast  forecasts[0]@1, origin 2026-03-03 00:00 UTC, revision 0',
    '  model     m1',
    '  window    ends with step 50 of its life, steps[0]@1',
    '  readings  inputs[0]@200..223, 2026-03-02 00:00 UTC to 2026-03-03 00:00 UTC',
    '  by        failed',
  ])
    assert.ok(text.split('\n').includes(line), `${line} in\n${text}`);
  assert.match(formatAlertTrace(traced, []), new RegExp(`${version}, which has been changed since`));
  await log.close();
});

test('every transition that a forecast made names it as it lies in the log', async () => {
  const log = await plantLog([`1 ${machine} p 0.4`, `2 ${machine} p 0.1`, `2 ${machine} p 0.25 rev 1`]);
  let traces = 0;
  for await (const record of log.read({ topic: topics.alerts, partition: 0 }, 0)) {
    const alert = decodeRecord(topics.alerts, record);
    for (const { alert: told, forecast } of await traceAlert(log, alert.alertId)) {
      assert.equal(forecast?.originMs, told.trace?.originMs);
      assert.equal(forecast?.revision, told.trace?.revision);
      traces++;
    }
  }
  assert.ok(traces >= 3);
  await log.close();
});

test('an id that the log does not have is said, and a machine is no alert', async () => {
  const log = await plantLog([]);
  await assert.rejects(traceAlert(log, alertId), /^UserError: the log has no alert near\/hall/);
  assert.equal(readAlertId('press-7'), undefined);
  assert.deepEqual(readAlertId(alertId), { rule: 'near', machine, sinceMs: startMs + 2 * dayMs });
  await log.close();
});
