// What wire.ts takes from inside kafkajs is there, in the version that is pinned.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import { makeWire } from '../../infra/kafka/wire.js';

const require = createRequire(import.meta.url);

test('kafkajs is pinned, and has the private parts that are used', () => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  assert.equal(dependencies.kafkajs, '2.2.4');
  const cluster = makeWire({ brokers: ['127.0.0.1:1'] }).cluster();
  for (const name of [
    'connect',
    'disconnect',
    'addMultipleTargetTopics',
    'refreshMetadata',
    'findTopicPartitionMetadata',
    'findBroker',
    'findControllerBroker',
    'findGroupCoordinator',
  ] as const)
    assert.equal(typeof cluster[name], 'function', name);
});

test('an idle connection has no timer: it is armed only while requests wait', () => {
  makeWire({ brokers: ['127.0.0.1:1'] });
  interface Queue {
    readonly pending: unknown[];
    readonly throttleCheckTimeoutId: NodeJS.Timeout | null;
    scheduleCheckPendingRequests(): void;
    destroy(): void;
  }
  const RequestQueue = require('kafkajs/src/network/requestQueue') as new (options: object) => Queue;
  const logger = { debug() {}, warn() {} };
  const queue = new RequestQueue({
    maxInFlightRequests: 1,
    requestTimeout: 1,
    clientId: '',
    broker: '',
    logger,
  });
  queue.scheduleCheckPendingRequests();
  assert.equal(queue.throttleCheckTimeoutId, null);
  queue.pending.push({});
  queue.scheduleCheckPendingRequests();
  assert.notEqual(queue.throttleCheckTimeoutId, null);
  queue.destroy();
});

test('a connection that was torn in the middle of an answer forgets its beginning when it is made again', async (t) => {
  makeWire({ brokers: ['127.0.0.1:1'] });
  interface Connection {
    readonly requestQueue: { fulfillRequest(answer: { readonly correlationId: number }): void };
    connect(): Promise<boolean>;
    disconnect(): Promise<boolean>;
    isConnected(): boolean;
  }
  const Connection = require('kafkajs/src/network/connection') as new (options: object) => Connection;
  // Size, correlation id, and what the size announces: of the first answer only a part.
  const answers = [
    [0, 0, 0, 20, 0, 0, 0, 7, 1, 2],
    [0, 0, 0, 8, 0, 0, 0, 9, 1, 2, 3, 4],
  ];
  const server = createServer((socket) => {
    const answer = Buffer.from(answers.shift() ?? []);
    if (answers.length > 0) socket.end(answer);
    else socket.write(answer);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const connection = new Connection({
    host: '127.0.0.1',
    port,
    clientId: '',
    requestTimeout: 1000,
    connectionTimeout: 1000,
    logger: { namespace: () => ({ debug() {}, warn() {}, error() {} }) },
    socketFactory: ({ onConnect }: { readonly onConnect: () => void }) =>
      connect(port, '127.0.0.1', onConnect),
  });
  t.after(() => connection.disconnect());
  const answered = new Promise<number>((resolve) => {
    connection.requestQueue.fulfillRequest = ({ correlationId }) => resolve(correlationId);
  });
  await connection.connect();
  while (connection.isConnected()) await new Promise((resolve) => setTimeout(resolve, 5));
  await connection.connect();
  assert.equal(await answered, 9);
});
