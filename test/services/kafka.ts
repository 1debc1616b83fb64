import { connect } from 'node:net';
import { Wait } from 'testcontainers';
import { eventually, firstOf, type OwnContainer, type Service, startContainer } from './service.js';

/** Built from Maven's jars where Docker Hub is out of reach, under the same tag. */
export const kafkaImage = 'apache/kafka:4.3.0';

export interface Kafka extends Service {
  /** host:port of the brokers to ask first. */
  readonly brokers: readonly string[];
}

/** A cluster that tests share: each takes topics and groups of its own. */
export function startKafka(): Promise<Kafka | undefined> {
  const brokers = process.env.MILLWRIGHT_KAFKA;
  return firstOf<Kafka>('Kafka', 'set MILLWRIGHT_KAFKA to host:port of a broker, or have Docker', [
    async () => (brokers ? { brokers: brokers.split(','), stop: () => Promise.resolve() } : undefined),
    () => inContainer({}),
  ]);
}

export interface OwnKafka extends Kafka, OwnContainer {}

/** A further listener: clients that come in there are told to come back to another port, that of a proxy. */
export interface KafkaDoor {
  /** Capital letters. */
  readonly name: string;
  /** Of this computer, where the broker listens for the proxy. */
  readonly port: number;
  readonly proxyPort: number;
}

export interface OwnKafkaOptions {
  /** Further settings, such as KAFKA_LOG_RETENTION_MS. Clients come in at the listener CLIENTS. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly doors?: readonly KafkaDoor[];
  /** Files in the container, readable by Kafka: path → content. */
  readonly files?: Readonly<Record<string, string>>;
  /** Resolves when the broker answers. Default: a connection without TLS. */
  readonly ready?: (port: number) => Promise<void>;
}

/** A broker of the test's own. */
export function startOwnKafka(options: OwnKafkaOptions = {}): Promise<OwnKafka | undefined> {
  return firstOf<OwnKafka>('Kafka to be killed', 'have Docker', [() => inContainer(options)]);
}

const logDir = '/tmp/kraft-combined-logs';
/** The image's own start formats the folder of the log, and the stand-in's does not bear one that is formatted. */
const startOrStartAgain =
  `[ -e ${logDir}/meta.properties ] || exec /etc/kafka/docker/run; ` +
  `exec java -Xmx384m -Dlog4j2.configurationFile=/opt/kafka/config/log4j2.yaml -cp '/opt/kafka/libs/*' kafka.Kafka /opt/kafka/config/server.properties`;

async function inContainer({
  environment = {},
  doors = [],
  files = {},
  ready = (port) => eventually(() => listens(port), 60_000),
}: OwnKafkaOptions): Promise<OwnKafka | undefined> {
  const insidePort = (index: number): number => 9094 + index;
  const started = await startContainer({
    image: kafkaImage,
    port: 9092,
    make: (container, hostPort) =>
      container
        .withExposedPorts(...doors.map(({ port }, index) => ({ container: insidePort(index), host: port })))
        .withEnvironment({
          KAFKA_NODE_ID: '1',
          KAFKA_PROCESS_ROLES: 'broker,controller',
          KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
          KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
          KAFKA_LISTENERS: [
            'CLIENTS://:9092,INTERNAL://:19092,CONTROLLER://:9093',
            ...doors.map(({ name }, index) => `${name}://:${insidePort(index)}`),
          ].join(),
          // The broker asks itself about transactions, and does not find the port of this computer in its container.
          KAFKA_ADVERTISED_LISTENERS: [
            `CLIENTS://127.0.0.1:${hostPort},INTERNAL://localhost:19092`,
            ...doors.map(({ name, proxyPort }) => `${name}://127.0.0.1:${proxyPort}`),
          ].join(),
          KAFKA_INTER_BROKER_LISTENER_NAME: 'INTERNAL',
          KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: [
            'CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,CLIENTS:PLAINTEXT',
            ...doors.map(({ name }) => `${name}:PLAINTEXT`),
          ].join(),
          KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
          KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
          KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
          KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
          KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
          KAFKA_LOG_DIRS: logDir,
          ...environment,
        })
        .withCopyContentToContainer(
          Object.entries(files).map(([target, content]) => ({ target, content, mode: 0o644 })),
        )
        .withCommand(['bash', '-c', startOrStartAgain])
        .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/)),
    ready,
  });
  return started && { ...started, brokers: [`127.0.0.1:${started.port}`] };
}

/**
 * Resolves when a broker answers the request ApiVersions (key 18, version 0): Docker's own proxy listens on the port
 * before Kafka does.
 */
function listens(port: number): Promise<void> {
  const request = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff]);
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.setTimeout(2000, () => socket.destroy(new Error(`no Kafka answers on port ${port}`)));
    socket.once('data', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`no Kafka answers on port ${port}`)));
  });
}
