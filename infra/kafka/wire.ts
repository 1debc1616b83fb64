/**
 * What we use of kafkajs beyond its public face: connections, metadata, coordinators and requests. Its own consumer and
 * producer are not used (docs/decisions/0008-kafka.md says why). The version is pinned and no longer changes; what is
 * private here is held by test/infra/kafka-wire.test.ts.
 */
import type { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import kafkajs, { type Admin, type ISocketFactory, type KafkaConfig } from 'kafkajs';

const { Kafka, logLevel } = kafkajs;

export interface PartitionMetadata {
  readonly partitionId: number;
  /** Node id of the leader; -1 while there is none. */
  readonly leader: number;
}

/**
 * Connections to every node of a cluster, two each: one for fetches, one for all else. Requests of a connection are answered one
 * after another.
 */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  findBroker(node: { readonly nodeId: number | string }): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
  findGroupCoordinator(of: {
    readonly groupId: string;
    /** 0 for a group, 1 for a transactional id. */
    readonly coordinatorType: 0 | 1;
  }): Promise<Broker>;
}

/** A request in the form of kafkajs' own, and what reads its answer. */
export interface RequestProtocol {
  readonly request: object;
  readonly response: object;
}

/** The requests that we send; those with records are in record-requests.ts. Each rejects with an error of kafkajs, see errors.ts. */
export interface Broker {
  /** Gives the protocol for the newest version that both sides know of those offered; throws while not connected. */
  lookupRequest(
    apiKey: number,
    definition: {
      readonly versions: readonly number[];
      readonly protocol: (chosen: { readonly version: number }) => RequestProtocol;
    },
  ): RequestProtocol;
  readonly connectionPool: { send(protocol: RequestProtocol): Promise<unknown> };
  disconnect(): Promise<void>;
  listOffsets(request: {
    readonly replicaId: -1;
    /** 1: of what is committed. */
    readonly isolationLevel: 0 | 1;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[];
    }[];
  }): Promise<{
    readonly responses: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }>;
  initProducerId(request: {
    readonly transactionalId?: string | undefined;
    readonly transactionTimeout: number;
  }): Promise<{ readonly producerId: string; readonly producerEpoch: number }>;
  addPartitionsToTxn(request: {
    readonly transactionalId: string;
    readonly producerId: string;
    readonly producerEpoch: number;
    readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
  }): Promise<unknown>;
  endTxn(request: {
    readonly transactionalId: string;
    readonly producerId: string;
    readonly producerEpoch: number;
    readonly transactionResult: boolean;
  }): Promise<unknown>;
  joinGroup(request: {
    readonly groupId: string;
    readonly sessionTimeout: number;
    readonly rebalanceTimeout: number;
    readonly memberId: string;
    readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  }): Promise<{
    readonly generationId: number;
    readonly leaderId: string;
    readonly memberId: string;
    readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
  }>;
  syncGroup(request: {
    readonly groupId: string;
    readonly generationId: number;
    readonly memberId: string;
    readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[];
  }): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
  }): Promise<unknown>;
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
  offsetCommit(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }): Promise<unknown>;
}

export interface Wire {
  /** A new set of connections, none open yet. */
  cluster(): Cluster;
  admin(): Admin;
}

const createClusterName = 'private:Kafka:createCluster';

/** Opens nothing yet. What kafkajs itself has to say is not printed: every failure reaches us as an error. */
export function makeWire(config: KafkaConfig): Wire {
  stopIdleTimer();
  forgetTornAnswers();
  return {
    cluster: () => {
      const sockets = new Sockets();
      const kafka = new Kafka({ ...config, socketFactory: sockets.open, logLevel: logLevel.NOTHING });
      const cluster = createCluster(kafka);
      const disconnect = cluster.disconnect.bind(cluster);
      cluster.disconnect = async () => {
        await disconnect();
        sockets.close();
      };
      return cluster;
    },
    admin: () => new Kafka({ ...config, logLevel: logLevel.NOTHING }).admin(),
  };
}

function createCluster(kafka: object): Cluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    ({ description }) => description === createClusterName,
  );
  const create = symbol && (kafka as Record<symbol, unknown>)[symbol];
  if (typeof create !== 'function') throw new Error(`kafkajs has no ${createClusterName}: is it 2.2.4?`);
  return create({ allowAutoTopicCreation: false, metadataMaxAge: 300_000 }) as Cluster;
}

const keepAliveMs = 60_000;

/** The sockets of one cluster: kafkajs leaves those open that were still connecting when it was told to disconnect. */
class Sockets {
  readonly #open = new Set<Socket>();
  #closed = false;

  readonly open: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
      : connectTcp({ host, port }, onConnect);
    socket.setKeepAlive(true, keepAliveMs);
    // Requests are small and are waited for.
    socket.setNoDelay(true);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    if (this.#closed) socket.destroy();
    return socket;
  };

  close(): void {
    this.#closed = true;
    for (const socket of this.#open) socket.destroy();
  }
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

let idleTimerStopped = false;

/** kafkajs re-arms a timer of 1 ms on every connection, for requests that wait: now only where some do. */
function stopIdleTimer(): void {
  if (idleTimerStopped) return;
  idleTimerStopped = true;
  const require = createRequire(import.meta.url);
  const { prototype } = require('kafkajs/src/network/requestQueue') as { readonly prototype: RequestQueue };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0) schedule.call(this);
  };
}

interface Connection {
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect(): Promise<boolean>;
}

let tornAnswersForgotten = false;
/** Every answer begins with its length, an int32. */
const lengthBytes = 4;

/**
 * kafkajs keeps the part of an answer that had come when a connection was lost, and takes the first bytes of the next
 * connection for the rest: what follows is garbage, or ends the process from within the socket.
 */
function forgetTornAnswers(): void {
  if (tornAnswersForgotten) return;
  tornAnswersForgotten = true;
  const require = createRequire(import.meta.url);
  const { prototype } = require('kafkajs/src/network/connection') as { readonly prototype: Connection };
  const { connect } = prototype;
  prototype.connect = function (this: Connection) {
    if (!this.isConnected()) {
      this.chunks = [];
      this.bytesBuffered = 0;
      this.bytesNeeded = lengthBytes;
    }
    return connect.call(this);
  };
}
