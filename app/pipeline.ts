/**
 * The composition root: starts the stages of the chosen roles over the deployment's log and store, and stops them
 * again so that everything received is where it belongs.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, SetClock, wallClock } from '../domain/clock.js';
import { WorldError } from '../domain/errors.js';
import type { Predictor } from '../domain/features.js';
import type { Consumer, ConsumerOptions, Log } from '../domain/log.js';
import type { Store } from '../domain/store.js';
import { topicSpecs } from '../domain/topics.js';
import { openEmbeddedLog } from '../infra/embedded/log.js';
import { openEmbeddedStore } from '../infra/embedded/store.js';
import type { HealthReport } from '../infra/http/ports.js';
import type { Deployment } from './config.js';
import { groups } from './groups.js';
import { type IngestPart, startIngest } from './ingest-part.js';
import { lastTickMs } from './last-tick.js';
import { computeLedger, emptyLedger, type Ledger } from './ledger.js';
import { LiveTail } from './live-tail.js';
import type { Logger } from './logger.js';
import { startNotifiers } from './notify-part.js';
import { startPage } from './page-part.js';
import { openPredictors } from './predictors.js';
import type { Role } from './roles.js';
import { alertStage, forecastStage, type Stage, stepStage } from './stages.js';
import { makeStoreStage, storeTopics } from './store-stage.js';

export interface PipelineOptions {
  readonly deployment: Deployment;
  readonly roles: ReadonlySet<Role>;
  readonly logger: Logger;
}

export interface Pipeline {
  readonly log: Log;
  readonly store: Store;
  readonly clock: Clock;
  readonly live: LiveTail;
  readonly ingest: IngestPart | undefined;
  readonly predictors: ReadonlyMap<string, Predictor>;
  /** Address of the page; undefined without the role. */
  readonly pageUrl: string | undefined;
  /** Rejects with what stopped a stage; never resolves before `close`. */
  readonly failed: Promise<never>;
  health(): Promise<HealthReport>;
  /**
   * Takes no more messages, lets every stage finish what the log holds, closes all, and tells where everything
   * received has ended; idempotent.
   */
  close(): Promise<Ledger>;
}

/** Records in one batch of a stage: bounds memory and the time between checkpoints. */
const batchRecordsMax = 1000;

export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { deployment, roles, logger } = options;
  const { config } = deployment;
  const closers: (() => Promise<void>)[] = [];
  try {
    const log = await openEmbeddedLog({ dir: join(config.dataDir, 'log') });
    let ledger = emptyLedger;
    closers.push(async () => {
      ledger = await computeLedger(log);
      await log.close();
    });
    await log.ensureTopics(topicSpecs(config.log.partitions, config.log.retentionMs));
    const clock = config.ingest.time === 'messages' ? new SetClock((await lastTickMs(log)) ?? 0) : wallClock;
    const store = await openEmbeddedStore({ dir: join(config.dataDir, 'store') });
    closers.push(() => store.close());
    const predictors = roles.has('model') ? await openPredictors(deployment, logger) : undefined;
    if (predictors) closers.push(() => predictors.close());

    const stopped = new Map<string, unknown>();
    let fail: (error: unknown) => void = () => {};
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    // Whoever wants to know awaits it; nobody has to.
    failed.catch(() => {});
    const consume = (consumerOptions: ConsumerOptions): Consumer => {
      const consumer = log.consume(consumerOptions);
      consumer.done.catch((error: unknown) => {
        stopped.set(consumerOptions.group, error);
        fail(error);
      });
      return consumer;
    };
    const runStage = (stage: Stage): void => {
      const { name: group, topic } = stage;
      const handlerFor = stage.handlerFor.bind(stage);
      const consumer = consume({ group, topics: [topic], batchRecordsMax, from: 'beginning', handlerFor });
      closers.push(() => consumer.close({ drain: !stopped.has(group) }));
    };

    // Closing goes backwards: what comes first in the way of the data must be closed, and so pushed, last.
    const live = new LiveTail(log);
    const tail = live.start();
    closers.push(() => tail.close());
    const ingestRole = roles.has('ingest');
    const parts: { ingest?: IngestPart } = {};
    if (roles.has('notify'))
      closers.push(
        startNotifiers({
          deployment,
          consume,
          logger,
          publish: (topic, payload) => publishVia(parts, topic, payload),
        }),
      );
    if (roles.has('store')) {
      const handlerFor = makeStoreStage(store, (ms) => sleep(ms));
      const consumer = consume({
        group: groups.store,
        topics: storeTopics,
        batchRecordsMax,
        from: 'beginning',
        handlerFor,
      });
      closers.push(() => consumer.close({ drain: !stopped.has(groups.store) }));
    }
    if (roles.has('alerts')) runStage(alertStage(deployment));
    if (predictors) runStage(forecastStage(deployment, predictors.byType));
    if (roles.has('stream')) runStage(stepStage(deployment));
    if (ingestRole) {
      const ingest = await startIngest({ deployment, log, clock, logger, onFailure: fail });
      parts.ingest = ingest;
      closers.push(() => ingest.close());
    }

    const health = async (): Promise<HealthReport> => {
      const stages = [...stopped].map(([name, error]) => ({
        name,
        status: 'down' as const,
        detail: `the stage has stopped: ${error instanceof Error ? error.message : String(error)}; restart, nothing is lost`,
      }));
      const checks = [...stages, ...(parts.ingest?.health() ?? [])];
      const worst = (['down', 'degraded'] as const).find((status) =>
        checks.some((check) => check.status === status),
      );
      return { status: worst ?? 'ok', checks };
    };
    let pageUrl: string | undefined;
    if (roles.has('page')) {
      const byType = predictors?.byType ?? new Map<string, Predictor>();
      const page = await startPage({
        deployment,
        log,
        store,
        live,
        clock,
        health,
        ingest: parts.ingest,
        predictors: byType,
      });
      pageUrl = page.url;
      closers.push(() => page.close());
    }
    let closing: Promise<Ledger> | undefined;
    return {
      log,
      store,
      clock,
      live,
      ingest: parts.ingest,
      predictors: predictors?.byType ?? new Map(),
      pageUrl,
      failed,
      health,
      close: () => {
        closing ??= closeAll(closers).then(() => ledger);
        return closing;
      },
    };
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

/** Every one is tried; the first failure is thrown at the end. */
async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const close of closers.toReversed()) await close().catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0];
}

function publishVia(
  parts: { readonly ingest?: IngestPart },
  topic: string,
  payload: Uint8Array,
): Promise<void> {
  if (parts.ingest) return parts.ingest.publish(topic, payload);
  throw new WorldError('unreachable', 'this process has no broker: give it the role ingest too', {
    retryable: false,
  });
}
