// What wire.ts takes from inside kafkajs is there, in the version that is pinned.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
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
