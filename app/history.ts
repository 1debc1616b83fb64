/**
 * History from files through the live path: messages as machines would have published them, ingest, log, stages; only
 * the log is in memory and the clock is set by the history itself. Training, backtest and live runs thus see the
 * same readings in the same way.
 */
import { SetClock } from '../domain/clock.js';
import type { Dataset } from '../domain/dataset.js';
import type { Log } from '../domain/log.js';
import { decodeRecord, topicSpecs, topics } from '../domain/topics.js';
import { MemoryLog } from '../infra/memory/log.js';
import { ingestConfigSchema } from '../ingest/config.js';
import { Ingest } from '../ingest/ingest.js';
import { HistoryBuilder } from '../stream/history.js';
import type { Deployment } from './config.js';
import { replayTo } from './replay-schedule.js';
import { stepStage } from './stages.js';

/** One partition: one process reads the history, and its order is then that of time. */
const partitionCount = 1;

/** A log in memory whose topic `inputs` holds the data set as ingest took it. The caller closes it. */
export async function ingestDataset(
  deployment: Deployment,
  dataset: Dataset,
  options: { readonly signal?: AbortSignal; onMessages?(count: number): void } = {},
): Promise<Log> {
  const { types, directory } = deployment;
  const log = new MemoryLog();
  await log.ensureTopics(topicSpecs(partitionCount, Number.POSITIVE_INFINITY));
  // Files hold the machine type's units and sensor names; what the plant's own messages look like does not matter.
  const config = ingestConfigSchema.parse({ time: 'messages' });
  const ingest = new Ingest({ types, directory, config, log, partitionCount, clock: new SetClock(0) });
}
