/** The topic `forecasts` of a replay as it would have been: of some days only, or by another forecaster. */
import type { Baseline, FindRow } from '../backtest/baselines/baseline.js';
import { expectedDay, type ForecastRecord } from '../domain/forecast.js';
import type { TopicRecords } from '../domain/topics.js';

type ForecastsRecord = TopicRecords['forecasts'];

interface Arrived {
  readonly record: ForecastsRecord;
  readonly offset: number;
}

/** What the alert stage consumes of one partition, in order; may be gone through more than once. */
export type ForecastsPartition = Iterable<Arrived>;

/** Days that a backtest looks at: the origins from one time to another, both included. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Forecasts of these origins, and the events and ticks of that time, so that no alert stands when it begins. */
export function inPeriod(
  partitions: readonly ForecastsPartition[],
  { fromMs, toMs }: Period,
): ForecastsPartition[] {
  const within = (timeMs: number) => timeMs >= fromMs && timeMs <= toMs;
  return mapRecords(partitions, (record) => {
    switch (record.kind) {
      case 'forecast':
        return within(record.originMs) ? record : undefined;
      case 'event':
        return within(record.eventTimeMs) ? record : undefined;
      case 'tick':
        return within(record.timeMs) ? record : undefined;
    }
  });
}

/**
 * Final forecasts with the curves of a baseline. Where the pipeline could not assess a machine, the baseline is not asked either: only
 * the curves differ. Forecasts of origins that are no part of a life are left out, and provisional ones.
 */
export function byBaseline(
  partitions: readonly ForecastsPartition[],
  baseline: Baseline,
  find: FindRow,
): ForecastsPartition[] {
  return mapRecords(partitions, (record) => {
    if (record.kind !== 'forecast' || record.status === 'not-assessable') return record;
    const found = find(record.machine, record.originMs);
    if (record.status === 'provisional' || !found) return undefined;
    const probabilities = [...baseline.predict(found.history, found.row)];
    const { curve: _, values: __, ...rest } = record;
    return {
      ...rest,
      status: 'ok',
      reason: '',
      model: baseline.name,
      probabilities,
      expectedDay: expectedDay(probabilities),
    };
  });
}

/** Events and ticks, and of the forecasts what `change` makes of them; undefined leaves one out. */
export function withForecasts(
  partitions: readonly ForecastsPartition[],
  change: (forecast: ForecastRecord) => ForecastRecord | undefined,
): ForecastsPartition[] {
  return mapRecords(partitions, (record) => (record.kind === 'forecast' ? change(record) : record));
}

/** Records are made when they are asked for, and not kept. */
function mapRecords(
  partitions: readonly ForecastsPartition[],
  change: (record: ForecastsRecord) => ForecastsRecord | undefined,
): ForecastsPartition[] {
  return partitions.map((partition) => ({
    *[Symbol.iterator](): Generator<Arrived> {
      for (const { record, offset } of partition) {
        const changed = change(record);
        if (changed !== undefined) yield { record: changed, offset };
      }
    },
  }));
}
