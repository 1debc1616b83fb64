/** Prometheus metrics of this process, made from the parts' own counters when somebody asks. */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Log } from '../domain/log.js';
import { topics } from '../domain/topics.js';
import { type ForecastTally, footings } from './forecast-tally.js';
import { groups } from './groups.js';
import type { IngestPart } from './ingest-part.js';
import { computeLedger } from './ledger.js';
import type { LiveModels } from './live-models.js';
import type { LogTrouble } from './log-trouble.js';
import type { OpenedStore } from './open-store.js';

const processMetrics = new Registry();
collectDefaultMetrics({ register: processMetrics });

/** Consumer group → topics whose lag is worth knowing. */
const consumed: readonly (readonly [group: string, topic: string])[] = [
  [groups.stream, topics.inputs],
  [groups.model, topics.steps],
  [groups.alerts, topics.forecasts],
  [groups.store, topics.steps],
  [groups.store, topics.forecasts],
  [groups.store, topics.alerts],
  [groups.gather, topics.alerts],
  [groups.dispatch, topics.dispatch],
];

type MakeGauge = (name: string, help: string, labelNames?: string[]) => Gauge;

export async function formatMetrics(parts: {
  /** Left out where another process tells what is in the log. */
  readonly log?: Log;
  readonly trouble: Pick<LogTrouble, 'rebalances'>;
  readonly ingest: IngestPart | undefined;
  readonly models: LiveModels | undefined;
  readonly tally: ForecastTally;
  readonly waiting: OpenedStore['waiting'];
}): Promise<string> {
  const registry = new Registry();
  const gauge: MakeGauge = (name, help, labelNames = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  if (parts.log) await addLog(gauge, parts.log);
  const rebalances = gauge(
    'millwright_log_rebalances_total',
    'How often a stage of this process was assigned partitions since the start.',
    ['group'],
  );
  for (const [group, count] of parts.trouble.rebalances) rebalances.set({ group }, count);

  if (parts.ingest) {
    const counters = parts.ingest.ingest.counters();
    gauge('millwright_ingest_messages_total', 'MQTT messages handled since the start.').set(
      counters.messages,
    );
    const rejected = gauge(
      'millwright_ingest_rejected_total',
      'Readings, events and messages refused since the start.',
      ['reason'],
    );
    for (const [reason, count] of Object.entries(counters.rejected)) rejected.set({ reason }, count);
    gauge('millwright_ingest_waiting_messages', 'Messages that wait for the log.').set(
      parts.ingest.ingest.status().waiting,
    );
  }
  const waiting = parts.waiting();
  if (waiting) {
    gauge('millwright_store_spool_bytes', 'Results on disk that wait for InfluxDB.').set(waiting.spoolBytes);
    gauge('millwright_store_refused_points_total', 'Points that InfluxDB has refused since the start.').set(
      waiting.refusedCount,
    );
  }
  if (parts.models) addModels(gauge, parts.models);
  const made = gauge(
    'millwright_forecasts_total',
    'Forecasts made by this process since the start, by what they rest on.',
    ['type', 'rung'],
  );
  for (const [type, counts] of parts.tally.counts())
    for (const footing of footings) made.set({ type, rung: footing }, counts[footing]);
  return `${await registry.metrics()}${await processMetrics.metrics()}`;
}

async function addLog(gauge: MakeGauge, log: Log): Promise<void> {
  const ledger = await computeLedger(log);
  const items = gauge('millwright_readings_total', 'Readings and events received, by where they ended.', [
    'outcome',
  ]);
  for (const outcome of ['accepted', 'rejected', 'duplicate', 'late', 'waiting'] as const)
    items.set({ outcome }, ledger[outcome]);

  const lag = gauge('millwright_log_lag_records', 'Records that a stage has not made durable yet.', [
    'group',
    'topic',
  ]);
  for (const [group, topic] of consumed) lag.set({ group, topic }, await lagOf(log, group, topic));
}

function addModels(gauge: MakeGauge, models: LiveModels): void {
  const info = gauge('millwright_model_info', 'The network in use of each machine type.', [
    'type',
    'version',
  ]);
  const asked = gauge(
    'millwright_forecast_sequences_total',
    'Sequences asked for over HTTP since the network in use was opened, by where the answer came from.',
    ['type', 'answer'],
  );
  const remembered = gauge(
    'millwright_forecast_cached_curves',
    'Curves in memory for sequences asked again.',
    ['type'],
  );
  for (const { type, version, cache } of models.inUse()) {
    const { hits, misses, curves } = cache.counters();
    info.set({ type, version }, 1);
    asked.set({ type, answer: 'cache' }, hits);
    asked.set({ type, answer: 'network' }, misses);
    remembered.set({ type }, curves);
  }
  gauge('millwright_model_swaps_total', 'Networks replaced by newer ones since the start.').set(
    models.swapCount,
  );
  gauge('millwright_model_faults', 'Machine types whose newest network cannot be used.').set(
    models.faults.size,
  );
}

/** Records between what the group has committed and the end of the topic. */
export async function lagOf(log: Log, group: string, topic: string): Promise<number> {
  let lag = 0;
  for (const { partition, beginOffset, endOffset } of await log.status(topic))
    lag += endOffset - ((await log.committed(group, { topic, partition })) ?? beginOffset);
  return lag;
}
