/** What a run has left in its log, compared with a replay of the inputs that it recorded. */
import assert from 'node:assert/strict';
import type { Deployment } from '../../app/config.js';
import { alertStage, forecastStage, stepStage } from '../../app/stages.js';
import { feedLog } from '../../backtest/feed.js';
import { replay } from '../../backtest/replay.js';
import type { Predictor } from '../../domain/features.js';
import type { Log } from '../../domain/log.js';
import type { TopicName } from '../../domain/topics.js';
import { MemoryLog } from '../../infra/memory/log.js';

/** `offset value` of every record, by partition; the value byte by byte. */
export async function recordsOf(log: Log, topic: TopicName): Promise<string[][]> {
  const partitions: string[][] = [];
  for (const { partition, beginOffset } of await log.status(topic)) {
    const records: string[] = [];
    for await (const { offset, value } of log.read({ topic, partition }, beginOffset))
      records.push(`${offset} ${value.toString('latin1')}`);
    partitions.push(records);
  }
  return partitions;
}

/** A log in memory with everything that the stages make of the recorded inputs, run one after the other. */
export async function replayInputs(
  deployment: Deployment,
  predictors: ReadonlyMap<string, Predictor>,
  recorded: Log,
): Promise<Log> {
  const log = new MemoryLog();
  await replay({
    log,
    partitionCount: deployment.config.log.partitions,
    stages: [stepStage(deployment), forecastStage(deployment, predictors), alertStage(deployment)],
    feed: feedLog(recorded),
  });
  return log;
}

/** Forecasts and alerts are the same records with the same bytes at the same offsets. Returns how many there are. */
export async function assertSameOutputs(
  found: Log,
  wanted: Log,
): Promise<{ readonly forecasts: number; readonly alerts: number }> {
  const counts = { forecasts: 0, alerts: 0 };
  for (const topic of ['forecasts', 'alerts'] as const) {
    const [left, right] = [await recordsOf(found, topic), await recordsOf(wanted, topic)];
    assert.equal(left.length, right.length, `partitions of ${topic}`);
    left.forEach((records, partition) => {
      const other = right[partition] ?? [];
      const length = Math.max(records.length, other.length);
      for (let i = 0; i < length; i++)
        assert.equal(records[i], other[i], `record ${i} of ${topic}, partition ${partition}`);
      counts[topic] += records.filter((record) => !record.includes('"kind":"tick"')).length;
    });
  }
  return counts;
}
