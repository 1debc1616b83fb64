import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch, NewRecord } from '../../domain/log.js';
import { Turns } from '../../infra/log/turns.js';
import { MemoryLog } from '../../infra/memory/log.js';

const record = (topic: string, index: number): NewRecord => ({
  topic,
  partition: 0,
  key: 'k',
  value: Buffer.from(String(index)),
  timeMs: index,
});

/** Two groups on one topic, batches of ten; the second can wait. Tells which processed a batch, in order. */
async function contest(recordCount: number, batchMs: number): Promise<string> {
  const log = new MemoryLog();
  await log.ensureTopics([{ name: 't', partitionCount: 1, cleanup: 'delete', retentionMs: Infinity }]);
  await log.append(Array.from({ length: recordCount }, (_, index) => record('t', index)));
  let order = '';
  const consume = (group: string, topicsThatCanWait: readonly string[]) =>
    log.consume({
      group,
      topics: ['t'],
      topicsThatCanWait,
      batchRecordsMax: 10,
      from: 'beginning',
      handlerFor: () => ({
        restore() {},
        process: async (batch: Batch) => {
          await sleep(batchMs);
          order += group;
          return { nextOffset: (batch.records.at(-1)?.offset ?? -1) + 1, outputs: [], state: [] };
        },
        close() {},
      }),
    });
  const consumers = [consume('u', []), consume('w', ['t'])];
  await Promise.all(consumers.map((consumer) => consumer.close({ drain: true })));
  await log.close();
  return order;
}

it('what can wait lets the others finish first', async () => {
  assert.equal(await contest(50, 1), 'uuuuuwwwww');
});

it('it waits a second at most', async () => {
  const order = await contest(80, 250);
  assert.ok(order.indexOf('w') < order.lastIndexOf('u'), order);
});

it('it does not wait when it is far behind', async () => {
  assert.equal((await contest(200, 1)).slice(0, 4).includes('w'), true);
});

it('the most urgent begins first, then in order of arrival, one batch a turn of the event loop', async () => {
  const turns = new Turns();
  let order = '';
  const ask = (name: string, urgency: number) =>
    turns.next(urgency).then(() => {
      order += name;
    });
  const asked = [ask('a', 0), ask('b', 0), ask('c', 2), ask('d', 1)];
  // What the first batch leads to comes before all that waits, if it is more urgent.
  asked.push(turns.next(3).then(() => void asked.push(ask('e', 4))));
  for (let turn = 1; turn <= 6; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(order.length <= turn, `${order} after ${turn} turns`);
  }
  await Promise.all(asked);
  assert.equal(order, 'ecdab');
});
