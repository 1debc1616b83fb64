/** The topic `forecasts` of a replay as it would have been: of some days only, or by another forecaster. */
import type { Baseline, FindRow } from '../backtest/baselines/baseline.js';
import { expectedDay } from '../domain/forecast.js';
import type { Batch, LogRecord } from '../domain/log.js';
import { decodeRecord, encodeRecord, type TopicRecords, topics } from '../domain/topics.js';

/** Days that a backtest looks at: the origins from one time to another, both included. */
export interface Period {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Forecasts of these origins, and the events and ticks of that time, so that no alert stands when it begins. */
export function inPeriod(batches: readonly Batch[], { fromMs, toMs }: Period): Batch[] {
  const within = (timeMs: number) => timeMs >= fromMs && timeMs <= toMs;
  return mapRecords(batches, (record) => {
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
export function byBaseline(batches: readonly Batch[], baseline: Baseline, find: FindRow): Batch[] {
  return mapRecords(batches, (record) => {
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

type ForecastsRecord = TopicRecords['forecasts'];

function mapRecords(
  batches: readonly Batch[],
  change: (record: ForecastsRecord) => ForecastsRecord | undefined,
): Batch[] {
  return batches.map((batch) => ({
    ...batch,
    records: batch.records.flatMap((record): LogRecord[] => {
      const decoded = decodeRecord(topics.forecasts, record);
      const changed = change(decoded);
      if (changed === undefined) return [];
      if (changed === decoded) return [record];
      return [{ ...encodeRecord(topics.forecasts, batch.partition, changed), offset: record.offset }];
    }),
  }));
}
