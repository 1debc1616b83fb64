import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, SetClock, wallClock } from '../domain/clock.js';
import { UserError, WorldError } from '../domain/errors.js';
import type { ConsumerOptions, Log } from '../domain/log.js';
import type { Store } from '../domain/store.js';
import { topicSpecs, topics } from '../domain/topics.js';
import type { HealthReport, HttpServer } from '../infra/http/ports.js';
import { startStatusServer } from '../infra/http/status-server.js';
import type { Deployment } from './config.js';
import { Explanations } from './explanations.js';
import { ForecastTally } from './forecast-tally.js';
import { groups } from './groups.js';
import { type IngestPart, startIngest } from './ingest-part.js';
import { lastTickMs } from './last-tick.js';
import { computeLedger, emptyLedger, type Ledger } from './ledger.js';
import { LiveModels } from './live-models.js';
import { type LiveRecord, LiveTail } from './live-tail.js';
import { LogTrouble } from './log-trouble.js';
import type { Logger } from './logger.js';
import { formatMetrics } from './metrics.js';
import { startNotifiers } from './notify-part.js';
import { openLog } from './open-log.js';
import { openStore } from './open-store.js';
import { startPage } from './page-part.js';
import { noteRules } from './registry/note-rules.js';
import type { Role } from './roles.js';
import { Running } from './running.js';
import { alertStage, batchRecordsMax, forecastStage, type Stage, stepStage } from './stages.js';
import { makeStoreStage, storeTopics } from './store-stage.js';

export interface PipelineOptions {
  readonly deployment: Deployment;
  readonly roles: ReadonlySet<Role>;
  readonly logger: Logger;
  /** Where a process without the page answers /health and /metrics; undefined: nowhere. */
  readonly statusPort?: number | undefined;
}

export interface Pipeline {
  readonly log: Log;
  readonly store: Store;
  readonly clock: Clock;
  readonly live: LiveTail;
  readonly ingest: IngestPart | undefined;
  /** undefined in a process that neither forecasts nor has the page. */
  readonly models: LiveModels | undefined;
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

export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const running = new Running();
  try {
    return await start(options, running);
  } catch (error) {
    await running.close();
    throw error;
  }
}

/** In the order opposite to the way of the data, so that what is closed first is what comes first. */
async function start(
  { deployment, roles, logger, statusPort }: PipelineOptions,
  running: Running,
): Promise<Pipeline> {
  const { config } = deployment;
  const trouble = new LogTrouble(logger);
  const log = await openLog(config, 'read-write', trouble);
  let ledger = emptyLedger;
  running.closeLater(async () => {
    ledger = await computeLedger(log);
    await log.close();
  });
  await log.ensureTopics(topicSpecs(config.log.partitions, config.log.retentionMs));
  const clock = config.ingest.time === 'messages' ? new SetClock((await lastTickMs(log)) ?? 0) : wallClock;
  // The embedded log has this folder for itself, and so its store; elsewhere who only reads takes no spool.
  const mode = config.store.kind === 'embedded' || roles.has('store') ? 'read-write' : 'read-only';
  const opened = await openStore(deployment, mode, (problem) => logger.warn({}, problem));
  const { store } = opened;
  running.closeLater(() => store.close());
  const models =
    roles.has('model') || roles.has('page')
      ? await LiveModels.open(deployment, logger, wallClock)
      : undefined;
  if (models) running.closeLater(() => models.close());
  const tally = new ForecastTally();

  const live = new LiveTail(log);
  const follower = clock instanceof SetClock && !roles.has('ingest') ? clock : undefined;
  if (follower) live.subscribe(ticksTo(follower));
  if (follower || roles.has('page')) {
    const tail = live.start();
    running.closeLater(() => tail.close());
  }

  const parts: { ingest?: IngestPart } = {};
  const publish = (topic: string, payload: Uint8Array) => publishVia(parts.ingest, topic, payload);
  if (roles.has('notify')) startNotifiers({ deployment, log, running, logger, clock, publish });
  const run = (options: Omit<ConsumerOptions, 'from'>) =>
    running.consume(log, { ...options, from: 'beginning' });
  const runStage = (stage: Stage, order: Pick<ConsumerOptions, 'topicsThatCanWait' | 'urgency'> = {}) =>
    run({
      group: stage.name,
      topics: [stage.topic],
      batchRecordsMax: stage.batchRecordsMax,
      ...order,
      handlerFor: (partition) => stage.handlerFor(partition),
    });
  if (roles.has('store'))
    run({
      group: groups.store,
      batchRecordsMax,
      topics: storeTopics,
      // When thousands of machines close a step at once, their forecasts come first.
      topicsThatCanWait: [topics.steps],
      urgency: 1,
      handlerFor: makeStoreStage(store, (ms) => sleep(ms)),
    });
  if (roles.has('alerts')) runStage(alertStage(deployment), { topicsThatCanWait: [topics.forecasts] });
  if (models && roles.has('model')) {
    const stage = forecastStage(deployment, models, models.values, models.shadows, (forecast) =>
      tally.add(forecast),
    );
    // The network has a thread of its own: the sooner it has work, the less the stages wait for it.
    runStage({ ...stage, handlerFor: models.holding(stage.handlerFor) }, { urgency: 2 });
  }
  if (roles.has('stream')) runStage(stepStage(deployment));
  if (roles.has('ingest')) {
    const ingest = await startIngest({ deployment, log, clock, logger, onFailure: running.fail });
    parts.ingest = ingest;
    running.closeLater(() => ingest.close());
  }

  models?.watch(config.model.checkEveryMs);
  // Who applies them may be unable to write beside the networks; then who shows them can.
  if (roles.has('alerts') || roles.has('page')) await tellChangedRules(deployment, logger);

  const health = async () =>
    summarise([
      ...running.stopped(),
      ...trouble.health(),
      ...(parts.ingest?.health() ?? []),
      ...(models?.health() ?? []),
      ...opened.health(),
    ]);
  const { ingest } = parts;
  const { waiting } = opened;
  let page: HttpServer | undefined;
  if (models && roles.has('page')) {
    const explanations = new Explanations(deployment, store);
    running.closeLater(() => explanations.close());
    page = await startPage({
      deployment,
      log,
      trouble,
      store,
      waiting,
      live,
      clock,
      health,
      ingest,
      models,
      tally,
      explanations,
    });
    const { close } = page;
    running.closeLater(close);
  } else if (statusPort !== undefined) {
    const metrics = () => formatMetrics({ trouble, ingest, models, tally, waiting });
    const status = await startStatusServer({ host: config.http.host, port: statusPort }, { health, metrics });
    running.closeLater(status.close);
    logger.info({ url: status.url }, `health and metrics are at ${status.url}`);
  }
  let closing: Promise<Ledger> | undefined;
  return {
    log,
    store,
    clock,
    live,
    ingest,
    models,
    pageUrl: page?.url,
    failed: running.failed,
    health,
    close: () => {
      closing ??= running.close().then(() => ledger);
      return closing;
    },
  };
}

/** A plant whose audit log cannot be written runs on, and says so. */
async function tellChangedRules(deployment: Deployment, logger: Logger): Promise<void> {
  try {
    const noted = await noteRules(deployment, wallClock);
    if (noted)
      logger.info(
        { hash: noted.hash, changes: noted.changes },
        'the alert rules are not those that the audit log had last: noted there (millwright model log)',
      );
  } catch (error) {
    if (!(error instanceof UserError) && !(error instanceof WorldError)) throw error;
    logger.warn({}, `that the alert rules have changed is not noted: ${error.message}`);
  }
}

/** Where time comes from messages, and another process takes them. */
function ticksTo(clock: SetClock): (record: LiveRecord) => void {
  return (record) => {
    if (record.kind === 'tick') clock.advanceTo(record.timeMs);
  };
}

/** As bad as the worst check. */
function summarise(checks: HealthReport['checks']): HealthReport {
  const worst = (['down', 'degraded'] as const).find((status) =>
    checks.some((check) => check.status === status),
  );
  return { status: worst ?? 'ok', checks };
}

function publishVia(ingest: IngestPart | undefined, topic: string, payload: Uint8Array): Promise<void> {
  if (ingest) return ingest.publish(topic, payload);
  throw new WorldError('unreachable', 'this process has no broker: give it the role ingest too', {
    retryable: false,
  });
}
