/** Starts the page over the log, the store and the live tail. */
import type { Clock } from '../domain/clock.js';
import { UserError } from '../domain/errors.js';
import type { EventRecord } from '../domain/input.js';
import type { Log, NewRecord } from '../domain/log.js';
import type { Store } from '../domain/store.js';
import { encodeRecord, partitionOf, topics } from '../domain/topics.js';
import type { HealthReport, HttpServer } from '../infra/http/ports.js';
import { startHttpServer } from '../infra/http/server.js';
import type { Deployment } from './config.js';
import { curveThresholds } from './curve-thresholds.js';
import type { Explanations } from './explanations.js';
import type { ForecastTally } from './forecast-tally.js';
import type { IngestPart } from './ingest-part.js';
import { computeLedger } from './ledger.js';
import type { LiveModels } from './live-models.js';
import type { LiveTail } from './live-tail.js';
import type { LogTrouble } from './log-trouble.js';
import { formatMetrics } from './metrics.js';
import type { OpenedStore } from './open-store.js';
import { serveModels } from './serving.js';
import { silencesOf } from './silences.js';

export function startPage(parts: {
  readonly deployment: Deployment;
  readonly log: Log;
  readonly trouble: LogTrouble;
  readonly store: Store;
  readonly waiting: OpenedStore['waiting'];
  readonly live: LiveTail;
  readonly clock: Clock;
  readonly ingest: IngestPart | undefined;
  readonly models: LiveModels;
  readonly tally: ForecastTally;
  readonly explanations: Explanations;
  health(): Promise<HealthReport>;
}): Promise<HttpServer> {
  const { deployment, log, store, live, clock } = parts;
  const { config, types } = deployment;
  const thresholds = curveThresholds(config.alerts, [...types.values()]);
  const say = async (alertId: string, said: Remark): Promise<void> => {
    await log.append([await aboutAlert(parts, alertId, said)]);
  };
  return startHttpServer({
    ...config.http,
    plant: config.plant.name,
    store,
    types,
    rules: () => thresholds,
    live,
    actions: {
      acknowledge: (alertId, by, comment) =>
        say(alertId, { event: 'acknowledge', code: alertId, by, comment }),
      assign: (alertId, to, by, comment) => say(alertId, { event: 'assign', code: alertId, to, by, comment }),
      comment: (alertId, by, comment) => say(alertId, { event: 'comment', code: alertId, by, comment }),
      feedback: (alertId, verdict, by, comment, fault) =>
        say(alertId, {
          event: 'feedback',
          code: verdict,
          by,
          comment,
          alert: alertId,
          ...(fault !== '' && { fault }),
        }),
    },
    silences: silencesOf(parts),
    serving: serveModels(types, parts.models, config.model.answerWithinMs),
    explain: (machine, options) => parts.explanations.explain(machine, options),
    ledger: () => computeLedger(log),
    health: parts.health,
    metrics: () => formatMetrics(parts),
    clock,
  });
}

type Remark = Pick<EventRecord, 'event' | 'code' | 'by' | 'comment' | 'to' | 'alert' | 'fault'>;

/** What a person says of an alert goes the way of all events, so that a replay of the log sees it too. */
async function aboutAlert(
  parts: { readonly store: Store; readonly deployment: Deployment; readonly clock: Clock },
  alertId: string,
  said: Remark,
): Promise<NewRecord> {
  const [alert] = await parts.store.alertHistory(alertId);
  if (!alert) throw new UserError(`there is no alert ${alertId}; the list of alerts has those there are`);
  const { machine, type, site, line } = alert;
  const nowMs = parts.clock.nowMs();
  const record: EventRecord = {
    kind: 'event',
    machine,
    type,
    site,
    line,
    eventTimeMs: nowMs,
    ingestTimeMs: nowMs,
    ...said,
  };
  return encodeRecord(topics.inputs, partitionOf(machine, parts.deployment.config.log.partitions), record);
}
