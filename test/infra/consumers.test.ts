import assert from 'node:assert/strict';
import { it } from 'node:test';
import { absentGroupRecordsMax, Consumers } from '../../infra/log/consumers.js';
import type { GroupSource } from '../../infra/log/partition-source.js';
import { handler } from '../conformance/log-parts.js';

const partition = { topic: 't', partition: 0 };
const endOffset = 3 * absentGroupRecordsMax;

/** A log of one partition with many records, of which nothing is ever read. */
function sourceWith(committed: ReadonlyMap<string, number>): GroupSource {
  return {
    partitionCount: () => 1,
    bounds: () => ({ beginOffset: 0, endOffset }),
    readBatch: () => [],
    committedOffset: (group) => committed.get(group),
    committedOffsets: () => committed,
    stateOf: () => [],
    commit: () => Promise.reject(new Error('nothing is committed here')),
  };
}

it('without groups nothing is needed', () => {
  assert.equal(new Consumers(sourceWith(new Map())).neededFrom(partition), Infinity);
});

it('a group that does not run holds back removal, but not for ever', () => {
  const near = endOffset - 10;
  const consumers = new Consumers(sourceWith(new Map([['stage', near]])));
  assert.equal(consumers.neededFrom(partition), near);
  const forgotten = new Consumers(sourceWith(new Map(Object.entries({ stage: near, gone: 7 }))));
  assert.equal(forgotten.neededFrom(partition), endOffset - absentGroupRecordsMax);
});

it('a group that runs is waited for, however far behind it is', async () => {
  const consumers = new Consumers(sourceWith(new Map(Object.entries({ slow: 7, gone: 5 }))));
  const consumer = consumers.consume({
    group: 'slow',
    topics: ['t'],
    batchRecordsMax: 1,
    from: 'beginning',
    handlerFor: () => handler({}),
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(consumers.neededFrom(partition), 7);
  assert.equal(consumers.neededFrom(partition, new Map([['slow', 9]])), 9, 'with what is being committed');
  await consumer.close();
});
