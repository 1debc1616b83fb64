/**
 * History from files through the live path: messages as machines would have published them, ingest, log, stages; only
 * the log is in memory and the clock is set by the history itself. Training, backtest and live runs thus see the
 * same readings in the same way.
 */
import { SetClock } from '../domain/clock.js';
import type { Dataset } from '../domain/dataset.js';
import type { History } from '../domain/features.js';
import type { EventRecord } from '../domain/input.js';
import type { Log } from '../domain/log.js';
import type { StepRecord } from '../domain/step.js';
import { decodeRecord, topicSpecs, topics } from '../domain/topics.js';
import { MemoryLog } from '../infra/memory/log.js';
import { ingestConfigSchema } from '../ingest/config.js';
import { Ingest } from '../ingest/ingest.js';
import { buildHistories } from '../stream/history.js';
import type { Deployment } from './config.js';
import { replayTo } from './replay-schedule.js';
import { type Stage, stepStage } from './stages.js';

/** One partition: a history is read by one process, and its order is then that of time. */
const partitionCount = 1;
