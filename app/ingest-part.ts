/** Starts ingest with its source of messages: the embedded broker, or a client of an outside one; and the ticker. */
import { type Clock, wallClock } from '../domain/clock.js';
import type { Log } from '../domain/log.js';
import { startEmbeddedBroker } from '../infra/embedded/broker.js';
import type { HealthReport } from '../infra/http/ports.js';
import { connectPublisher } from '../infra/mqtt/publisher.js';
import { connectMqttSource, type MqttSourceOptions } from '../infra/mqtt/source.js';
import type { IngestConfig } from '../ingest/config.js';
import { Ingest } from '../ingest/ingest.js';
import { encodeRebirthCommand } from '../ingest/sparkplug/payload.js';
import { commandTopic, encodeState, stateTopic } from '../ingest/sparkplug/topic.js';
import { ingestSubscriptions } from '../ingest/subscriptions.js';
import { Ticker } from '../ingest/ticker.js';

import type { Deployment } from './config.js';
import type { Logger } from './logger.js';

export interface IngestPart {
  readonly ingest: Ingest;
  /** Where machines publish to. */
  readonly brokerUrl: string;
  health(): HealthReport['checks'];
  /** To the subscribers of the broker: alerts. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** Reads no more, acknowledges what the log has, stops the ticks; idempotent. */
  close(): Promise<void>;
}

export async function startIngest(parts: {
  readonly deployment: Deployment;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  onFailure(error: unknown): void;
}): Promise<IngestPart> {
  const { deployment, log, clock, logger, onFailure } = parts;
  const { config, types, directory } = deployment;
  const connected: { source?: Source } = {};
  const ingest = new Ingest({
    types,
    directory,
    config: config.ingest,
    log,
    partitionCount: config.log.partitions,
    clock,
    requestRebirth: (group, node) => {
      const command = encodeRebirthCommand(wallClock.nowMs());
      connected.source
        ?.publish(commandTopic(group, node), command)
        .catch((error: unknown) =>
          onProblem(`edge node ${group}/${node} was not asked for its births: ${error}`),
        );
    },
  });
  const onPublish: MqttSourceOptions['onPublish'] = (topic, payload, retained) =>
    ingest.handle(topic, payload, retained);
  const onProblem = (sentence: string) => logger.warn({ part: 'mqtt' }, sentence);
  const source =
    config.mqtt.kind === 'embedded'
      ? await listen(config.mqtt, onPublish, onProblem)
      : await subscribe(config.mqtt, config.ingest, onPublish, onProblem, onFailure);
  connected.source = source;
  // In a replay the messages bring the time; otherwise it is the computer's.
  const ticker =
    config.ingest.time === 'wall'
      ? new Ticker({ clock, intervalMs: config.ingest.tickEveryMs, tick: (timeMs) => ingest.tick(timeMs) })
      : undefined;
  ticker?.done.catch(onFailure);
  ticker?.start();
  const close = async () => {
    await source.close();
    await ticker?.stop();
    await ingest.close();
  };
  let closing: Promise<void> | undefined;
  return {
    ingest,
    brokerUrl: source.url,
    publish: source.publish,
    health: () => [source.health(), logHealth(ingest)],
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

type MqttConfig = Deployment['config']['mqtt'];
type Check = HealthReport['checks'][number];

interface Source {
  readonly url: string;
  publish(topic: string, payload: Uint8Array): Promise<void>;
  health(): Check;
  close(): Promise<void>;
}

async function listen(
  config: Extract<MqttConfig, { kind: 'embedded' }>,
  onPublish: (topic: string, payload: Uint8Array) => Promise<unknown>,
  onProblem: (sentence: string) => void,
): Promise<Source> {
  const { kind: _kind, password, ...brokerConfig } = config;
  const broker = await startEmbeddedBroker({
    ...brokerConfig,
    password: password?.reveal(),
    onPublish,
    onProblem,
  });
  return {
    url: broker.url,
    publish: (topic, payload) => broker.publish(topic, payload),
    health: () => ({ name: 'mqtt', status: 'ok', detail: '' }),
    close: () => broker.close(),
  };
}

async function subscribe(
  config: Extract<MqttConfig, { kind: 'client' }>,
  ingestConfig: IngestConfig,
  onPublish: MqttSourceOptions['onPublish'],
  onProblem: (sentence: string) => void,
  onFailure: (error: unknown) => void,
): Promise<Source> {
  const { kind: _kind, password, ...withoutPassword } = config;
  const sourceConfig = { ...withoutPassword, password: password?.reveal() };
  const source = await connectMqttSource({
    ...sourceConfig,
    topics: ingestSubscriptions(ingestConfig),
    presence: ingestConfig.sparkplug && sparkplugPresence(ingestConfig.sparkplug.hostId),
    onPublish,
    onProblem,
  });
  source.done.catch(onFailure);
  const publisher = await connectPublisher({ ...sourceConfig, clientId: `${config.clientId}-publisher` });
  return {
    url: config.url,
    publish: (topic, payload) => publisher.publish(topic, payload),
    health: () => {
      const { connected, problem } = source.status();
      return { name: 'mqtt', status: connected ? 'ok' : 'degraded', detail: problem };
    },
    close: async () => {
      await source.close();
      await publisher.end();
    },
  };
}

/** The STATE of a host application: in one session, will and birth have the same time (Sparkplug 3.0.0, §5.15). */
function sparkplugPresence(hostId: string): NonNullable<MqttSourceOptions['presence']> {
  const startMs = wallClock.nowMs();
  return {
    topic: stateTopic(hostId),
    present: encodeState('online', startMs),
    absent: encodeState('offline', startMs),
  };
}

function logHealth(ingest: Ingest): Check {
  const { state, problem, waiting } = ingest.status();
  if (state === 'running' || state === 'closed') return { name: 'ingest', status: 'ok', detail: '' };
  const detail = `${problem}; ${waiting} messages wait and are not acknowledged, nothing is lost`;
  return { name: 'ingest', status: state === 'failed' ? 'down' : 'degraded', detail };
}
