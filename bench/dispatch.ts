/**
 * Who is told what, while many alerts are open: transitions per CPU second of the dispatch stage (records decoded, outputs and state
 * encoded; no log behind it) at 10,000 open alerts, and beside it in the same run at 100. Every alert is told on its own, by machine
 * (as many groups as alerts) or by line (100 alerts a group); what is open is repeated every four hours. A second of plant time passes
 * between two batches, each behind a tick, as they come from the stages before. JSON to stdout.
 *
 *   npm run bench -- dispatch [--open 10000] [--seconds 2] [--rounds 3]
 */
import { parseArgs } from 'node:util';
import { type AlertsConfigInput, alertsConfigSchema } from '../alerts/config.js';
import { makeDispatchStage } from '../alerts/dispatch-stage.js';
import type { AlertRecord } from '../domain/alert.js';
import type { PartitionHandler } from '../domain/log.js';
import { encodeRecord, topics } from '../domain/topics.js';
import { median, round, startMs } from './parts/plant.js';

const { values: options } = parseArgs({
  options: {
    open: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
  },
});
const alertsPerLine = 100;

const route = { notifiers: ['pager'], repeatInterval: '4h' };
const routes = {
  'on its own': route,
  'by machine': { ...route, groupBy: ['machine'] },
  'by line': { ...route, groupBy: ['line'] },
};
type Grouping = keyof typeof routes;

/** A dispatch stage and the records that come to it. */
class Dispatch {
  readonly #handler: PartitionHandler;
  readonly #open: AlertRecord[];
  #timeMs = startMs;
  #offset = 0;
  #next = 0;
  notifications = 0;

  constructor(grouping: Grouping, openCount: number) {
    const config: AlertsConfigInput = {
      notifiers: [{ kind: 'webhook', name: 'pager', url: 'http://host/x' }],
      routes: [routes[grouping]],
    };
    this.#handler = makeDispatchStage({ config: alertsConfigSchema.parse(config), timeZone: 'UTC' })();
    this.#open = Array.from({ length: openCount }, (_, machine) => fired(machine));
  }

  /** All alerts fire, and are told. */
  async begin(): Promise<void> {
    await this.#batch(this.#open);
    for (let minute = 0; minute < 10; minute++) {
      this.#timeMs += 60_000;
      await this.#batch([]);
    }
  }

  /** The next `count` alerts change. */
  async change(count: number): Promise<void> {
    const changed: AlertRecord[] = [];
    for (let i = 0; i < count; i++) {
      const at = this.#next++ % this.#open.length;
      const alert = changedOnce(this.#open[at] as AlertRecord, this.#timeMs);
      this.#open[at] = alert;
      changed.push(alert);
    }
    this.#timeMs += 1000;
    await this.#batch(changed);
  }

  async #batch(alerts: readonly AlertRecord[]): Promise<void> {
    const records = [{ kind: 'tick', timeMs: this.#timeMs } as const, ...alerts].map((record) => ({
      ...encodeRecord(topics.dispatch, 0, record),
      offset: this.#offset++,
    }));
    const checkpoint = await this.#handler.process({ topic: topics.dispatch, partition: 0, records });
    this.notifications += checkpoint?.outputs.length ?? 0;
  }
}

function fired(machine: number): AlertRecord {
  const alertId = `near/press-${machine}/${startMs}`;
  return {
    kind: 'alert',
    alertId,
    dedupeKey: `${alertId}/0`,
    sequence: 0,
    rule: 'near',
    machine: `press-${machine}`,
    type: 'press',
    site: 'north',
    line: `l${Math.floor(machine / alertsPerLine)}`,
    state: 'firing',
    severity: 'warning',
    transition: 'fired',
    reason: 'condition-met',
    timeMs: startMs,
    sinceMs: startMs,
    acknowledgedBy: '',
    value: 0.4,
    summary: `press-${machine}: 40 % within 14 days.`,
    trace: null,
  };
}

/** Raised, or lowered when it was. */
function changedOnce(alert: AlertRecord, timeMs: number): AlertRecord {
  const raised = alert.severity === 'warning';
  const sequence = alert.sequence + 1;
  return {
    ...alert,
    sequence,
    dedupeKey: `${alert.alertId}/${sequence}`,
    severity: raised ? 'critical' : 'warning',
    transition: raised ? 'raised' : 'lowered',
    timeMs,
  };
}

/** Transitions per CPU second: of all threads. */
async function measure(grouping: Grouping, openCount: number, perBatch: number): Promise<number> {
  const dispatch = new Dispatch(grouping, openCount);
  await dispatch.begin();
  const toldBefore = dispatch.notifications;
  const began = process.cpuUsage();
  let transitions = 0;
  let cpuS = 0;
  while (cpuS < Number(options.seconds)) {
    await dispatch.change(perBatch);
    transitions += perBatch;
    const { user, system } = process.cpuUsage(began);
    cpuS = (user + system) / 1e6;
  }
  if (dispatch.notifications === toldBefore) throw new Error('nothing was told');
  return transitions / cpuS;
}

const results: object[] = [];
for (const grouping of Object.keys(routes) as Grouping[])
  for (const transitionsPerBatch of [1, 100]) {
    const many: number[] = [];
    const few: number[] = [];
    for (let i = 0; i < Number(options.rounds); i++) {
      few.push(await measure(grouping, 100, transitionsPerBatch));
      many.push(await measure(grouping, Number(options.open), transitionsPerBatch));
    }
    results.push({
      told: grouping,
      transitionsPerBatch,
      transitionsPerCpuS: Math.round(median(many)),
      at100OpenPerCpuS: Math.round(median(few)),
      ofThat: round(median(many) / median(few), 3),
    });
  }
console.log(
  JSON.stringify({ bench: 'dispatch', node: process.version, open: Number(options.open), results }, null, 2),
);
