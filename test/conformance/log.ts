/**
 * What every Log promises, whatever it stands on: run it on each adapter. It uses topics and groups of its own, so
 * it can run on a log that holds other things; it assumes neither dense offsets nor compaction or retention at once.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { UserError, WorldError } from '../../domain/errors.js';
import type { Checkpoint, Consumer, Log, LogRecord, PartitionHandler } from '../../domain/log.js';
import {
  checkpointAfter,
  consumeCount,
  consumeTopic,
  copying,
  freshName,
  newRecord,
  readAll,
  readTexts,
  signal,
  textsOf,
  topicSpec,
} from './log-parts.js';

export interface LogHarness {
  /** A log; may hold other topics already. */
  open(): Promise<Log>;
  /** The same log once more after `log` was closed; absent where content ends with the object. */
  reopen?(log: Log): Promise<Log>;
  /**
   * When a compacted topic loses what has a newer record of its key and has been passed by every group: with the
   * checkpoint by which the last of them passed it, or at some later time.
   */
  readonly compaction: 'with-the-checkpoint' | 'later';
  /** Closes what the test opened, if it is still open, and removes what it left. */
  cleanUp(): Promise<void>;
}

export function describeLog(name: string, harness: () => LogHarness): void {
  /** A test with a log of its own, cleaned up whatever happens. */
  function test(title: string, body: (log: Log, harness: LogHarness) => Promise<void>): void {
    it(title, { timeout: 180_000 }, async () => {
      const made = harness();
      try {
        await body(await made.open(), made);
      } finally {
        await made.cleanUp();
      }
    });
  }

  describe(`log conformance: ${name}`, () => {
    describe('append and read', () => {
      test('gives back key, value, time and partition of every record, in order', async (log) => {
        const topic = freshName('topic');
        await log.ensureTopics([topicSpec(topic)]);
        const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
        const records = [
          newRecord(topic, 0, 'a', { timeMs: 1_700_000_000_123 }),
          newRecord(topic, 0, 'bytes', { value: bytes, key: 'prüf|stand/7 ✓' }),
          newRecord(topic, 0, 'empty', { value: Buffer.alloc(0), key: '' }),
          newRecord(topic, 0, 'large', { value: Buffer.alloc(300_000, 7) }),
          newRecord(topic, 1, 'other'),
        ];
        await log.append(records);
        const found = await readAll(log, { topic, partition: 0 });
        assert.deepEqual(
          found.map(({ offset, ...rest }) => rest),
          records.slice(0, 4),
        );
        assert.deepEqual(await readTexts(log, topic, 1), ['other']);
        for (let i = 1; i < found.length; i++)
          assert((found[i] as LogRecord).offset > (found[i - 1] as LogRecord).offset, 'offsets ascend');
      });

      test('keeps the order of each caller when many append at once, and loses nothing', async (log) => {
        const topic = freshName('topic');
        await log.ensureTopics([topicSpec(topic)]);
        const appends: Promise<void>[] = [];
        for (let i = 0; i < 300; i++)
          appends.push(log.append([newRecord(topic, i % 2, `${i}`), newRecord(topic, i % 2, `${i}+`)]));
        await Promise.all(appends);
        for (const partition of [0, 1]) {
          const expected = Array.from({ length: 150 }, (_, i) => 2 * i + partition).flatMap((i) => [
            `${i}`,
            `${i}+`,
          ]);
          assert.deepEqual(await readTexts(log, topic, partition), expected);
        }
      });

      test('reads only the offsets asked for', async (log) => {
        const topic = freshName('topic');
        await log.ensureTopics([topicSpec(topic)]);
        await log.append(['a', 'b', 'c', 'd'].map((text) => newRecord(topic, 0, text)));
        const all = await readAll(log, { topic, partition: 0 });
        const [, b, , d] = all;
        assert(b && d);
        const part = await readAll(log, { topic, partition: 0 }, b.offset, d.offset);
        assert.deepEqual(part, all.slice(1, 3));
        assert.deepEqual(await readAll(log, { topic, partition: 0 }, d.offset + 1), []);
      });

      test('tells begin and end of every partition', async (log) => {
        const topic = freshName('topic');
        await log.ensureTopics([topicSpec(topic, { partitionCount: 3 })]);
        assert.deepEqual(
          await log.status(topic),
          [0, 1, 2].map((partition) => ({ topic, partition, beginOffset: 0, endOffset: 0 })),
        );
        await log.append([newRecord(topic, 1, 'a'), newRecord(topic, 1, 'b')]);
        const status = await log.status(topic);
        const last = (await readAll(log, { topic, partition: 1 })).at(-1) as LogRecord;
        assert.equal(status[0]?.endOffset, 0);
        assert.equal(status[1]?.beginOffset, 0);
        assert((status[1]?.endOffset ?? 0) > last.offset, 'the end is after the last record');
      });

      test('appending nothing is allowed', async (log) => {
        await log.append([]);
      });

      test('refuses a topic or partition that does not exist, and writes nothing of that call', async (log) => {
        const topic = freshName('topic');
        await log.ensureTopics([topicSpec(topic)]);
        const isRejected = (error: unknown) =>
          error instanceof WorldError && error.code === 'rejected' && !error.retryable;
        await assert.rejects(log.append([newRecord(freshName('missing'), 0, 'a')]), isRejected);
        await assert.rejects(log.append([newRecord(topic, 0, 'a'), newRecord(topic, 2, 'b')]), isRejected);
        await assert.rejects(log.status(freshName('missing')), isRejected);
        assert.deepEqual(await readTexts(log, topic, 0), []);
      });
    });

    describe('topics', () => {
      test('ensuring a topic again changes nothing', async (log) => {
        const topic = freshName('topic');
        await log.ensureTopics([topicSpec(topic)]);
        await log.append([newRecord(topic, 0, 'a')]);
        await log.ensureTopics([topicSpec(topic), topicSpec(freshName('topic'))]);
        assert.deepEqual(await readTexts(log, topic, 0), ['a']);
      });

      test('another number of partitions is the user’s error and names both', async (log) => {
        const topic = freshName('topic');
        await log.ensureTopics([topicSpec(topic, { partitionCount: 2 })]);
        await assert.rejects(log.ensureTopics([topicSpec(topic, { partitionCount: 5 })]), (error) => {
          assert(error instanceof UserError);
          assert.match(error.message, new RegExp(topic));
          assert.match(error.message, /2 partitions/);
          assert.match(error.message, /5/);
          return true;
        });
      });

      test('a compacted topic keeps the newest record of every key, in order', async (log) => {
        const topic = freshName('topic');
        await log.ensureTopics([topicSpec(topic, { cleanup: 'compact' })]);
        for (let round = 0; round < 3; round++)
          await log.append(
            ['x', 'y', 'z'].slice(0, 3 - round).map((key) => newRecord(topic, 0, `${key}${round}`, { key })),
          );
        await log.append([newRecord(topic, 1, 'elsewhere', { key: 'x' })]);
        const newest = new Map<string, LogRecord>();
        for (const record of await readAll(log, { topic, partition: 0 })) newest.set(record.key, record);
        assert.deepEqual(
          ['z', 'y', 'x'].map((key) => newest.get(key)?.value.toString()),
          ['z0', 'y1', 'x2'],
        );
        assert.deepEqual(await readTexts(log, topic, 1), ['elsewhere']);
      });

      test('compaction waits for consumers: one that lags sees every record, in order', async (log, made) => {
        const [topic, group] = [freshName('topic'), freshName('group')];
        const partition = { topic, partition: 0 };
        await log.ensureTopics([topicSpec(topic, { cleanup: 'compact' })]);
        const expected = Array.from({ length: 60 }, (_, i) => `${i}`);
        const [held, begun] = [signal(), signal()];
        const seen: string[] = [];
        const consumer = consumeTopic(log, { group, topic, batchRecordsMax: 7 }, () => ({
          process: async (batch) => {
            begun.give();
            await held.promise;
            seen.push(...textsOf(batch.records));
            return checkpointAfter(batch);
          },
        }));
        for (const text of expected) {
          await log.append([newRecord(topic, 0, text, { key: `${Number(text) % 3}` })]);
          // From here on the group has the topic in hand.
          if (text === '0') await begun.promise;
        }
        held.give();
        await consumer.close({ drain: true });
        await consumer.done;
        assert.deepEqual(seen, expected);
        if (made.compaction === 'with-the-checkpoint')
          assert.deepEqual(await readTexts(log, topic, 0), expected.slice(-3));
        assert((await log.committed(group, partition)) !== undefined);
      });

      test('compaction waits for the slowest group, running or not, also after opening again', async (log, made) => {
        const topic = freshName('topic');
        const groups = [freshName('group'), freshName('group')] as const;
        await log.ensureTopics([topicSpec(topic, { cleanup: 'compact' })]);
        const append = (texts: readonly string[]) =>
          log.append(texts.map((text) => newRecord(topic, 0, text, { key: 'same' })));
        const consumeTexts = async (group: string, count: number) =>
          textsOf(await consumeCount(log, { group, topic, count, batchRecordsMax: 1 }));
        await append(['a']);
        for (const group of groups) assert.deepEqual(await consumeTexts(group, 1), ['a']);
        await append(['b', 'c']);
        assert.deepEqual(await consumeTexts(groups[0], 2), ['b', 'c']);
        if (made.reopen) {
          await log.close();
          log = await made.reopen(log);
        }
        await append(['d']);
        assert.deepEqual(await consumeTexts(groups[0], 1), ['d']);
        assert.deepEqual(await consumeTexts(groups[1], 3), ['b', 'c', 'd']);
        if (made.compaction === 'with-the-checkpoint')
          assert.deepEqual(await readTexts(log, topic, 0), ['d']);
      });

      test('retention spares what is younger than retentionMs', async (log) => {
        const topic = freshName('topic');
        await log.ensureTopics([topicSpec(topic, { retentionMs: 1_000 })]);
        const startMs = 1_700_000_000_000;
        for (let i = 0; i < 40; i++)
          await log.append([newRecord(topic, 0, `${i}`, { timeMs: startMs + i * 100 })]);
        const kept = await readTexts(log, topic, 0);
        assert.deepEqual(
          kept.slice(-11),
          Array.from({ length: 11 }, (_, i) => `${29 + i}`),
        );
      });
    });

    describe('consume', () => {
      test('gives every record of every partition once, in order, in bounded batches', async (log) => {
        const [topic, group] = [freshName('topic'), freshName('group')];
        await log.ensureTopics([topicSpec(topic)]);
        await log.append(Array.from({ length: 50 }, (_, i) => newRecord(topic, i % 2, `${i}`)));
        const sizes: number[] = [];
        const seen = await consumeCount(log, { group, topic, count: 50, batchRecordsMax: 7 }, (batch) => {
          sizes.push(batch.records.length);
          for (const record of batch.records) assert.equal(record.partition, batch.partition);
          return checkpointAfter(batch);
        });
        assert(Math.max(...sizes) <= 7, `batches of at most 7, got ${sizes}`);
        for (const partition of [0, 1])
          assert.deepEqual(
            seen.filter((record) => record.partition === partition),
            await readAll(log, { topic, partition }),
          );
      });

      test('gives records that are appended while it waits', async (log) => {
        const [topic, group] = [freshName('topic'), freshName('group')];
        await log.ensureTopics([topicSpec(topic)]);
        const consuming = consumeCount(log, { group, topic, count: 20 });
        for (let i = 0; i < 20; i++) await log.append([newRecord(topic, 0, `${i}`)]);
        assert.deepEqual(
          textsOf(await consuming),
          Array.from({ length: 20 }, (_, i) => `${i}`),
        );
      });

      test('restores before it processes, and closes the handler once at the end', async (log) => {
        const [topic, group] = [freshName('topic'), freshName('group')];
        await log.ensureTopics([topicSpec(topic, { partitionCount: 1 })]);
        await log.append([newRecord(topic, 0, 'a')]);
        const calls: string[] = [];
        const processed = signal();
        const consumer = consumeTopic(log, { group, topic }, (partition) => {
          calls.push(`for ${partition.partition}`);
          return {
            restore: (state) => calls.push(`restore ${[...state].length}`),
            process: async (batch) => {
              calls.push(`process ${batch.records.length}`);
              processed.give();
              return null;
            },
            close: () => calls.push('close'),
          };
        });
        await processed.promise;
        await Promise.all([consumer.close(), consumer.close()]);
        await consumer.close();
        await consumer.done;
        assert.deepEqual(calls, ['for 0', 'restore 0', 'process 1', 'close']);
      });

      test('goes on after the last checkpoint with its state, and repeats what came after it', async (log) => {
        const [topic, group] = [freshName('topic'), freshName('group')];
        const partition = { topic, partition: 0 };
        await log.ensureTopics([topicSpec(topic)]);
        await log.append(['a', 'b', 'c', 'd'].map((text) => newRecord(topic, 0, text)));
        assert.equal(await log.committed(group, partition), undefined);
        const offsets = (await readAll(log, partition)).map((record) => record.offset);
        // One record a batch; a checkpoint after b only.
        await consumeCount(log, { group, topic, count: 4, batchRecordsMax: 1 }, (batch) =>
          batch.records[0]?.value.toString() === 'b'
            ? checkpointAfter(batch, {
                state: [
                  { key: 'sum', value: Buffer.from('ab') },
                  { key: 'gone', value: Buffer.from('x') },
                ],
              })
            : null,
        );
        assert.equal(await log.committed(group, partition), (offsets[1] as number) + 1);
        let restored: [string, string][] = [];
        const seen: string[] = [];
        const both = signal();
        const consumer = consumeTopic(log, { group, topic }, (id) => ({
          restore: (state) => {
            if (id.partition === 0) restored = [...state].map(({ key, value }) => [key, value.toString()]);
          },
          process: async (batch) => {
            seen.push(...textsOf(batch.records));
            if (seen.length === 2) both.give();
            return checkpointAfter(batch, {
              state: [
                { key: 'gone', value: null },
                { key: 'never-was', value: null },
                { key: 'sum', value: Buffer.from('abcd') },
                { key: 'summit', value: Buffer.from('top') },
                { key: 'to', value: Buffer.from('z') },
              ],
            });
          },
        }));
        await Promise.race([both.promise, consumer.done]);
        await consumer.close();
        assert.deepEqual(restored.sort(), [
          ['gone', 'x'],
          ['sum', 'ab'],
        ]);
        assert.deepEqual(seen, ['c', 'd']);
        const stateOf = async (keyPrefix?: string): Promise<[string, string][]> => {
          const state: [string, string][] = [];
          for await (const { key, value } of log.state(group, partition, keyPrefix))
            state.push([key, value.toString()]);
          return state.sort();
        };
        const sums: [string, string][] = [
          ['sum', 'abcd'],
          ['summit', 'top'],
        ];
        assert.deepEqual(await stateOf(), [...sums, ['to', 'z']]);
        assert.deepEqual(await stateOf('sum'), sums);
        assert.deepEqual(await stateOf('t'), [['to', 'z']]);
        assert.deepEqual(await stateOf('none'), []);
        assert.equal(await log.committed(group, partition), (offsets[3] as number) + 1);
        for await (const _ of log.state(group, { topic, partition: 1 }))
          assert.fail('state belongs to a partition');
        for await (const _ of log.state(freshName('group'), partition))
          assert.fail('state belongs to a group');
      });

      test('a handler that ends cleanly makes what it has done durable, one that failed does not', async (log) => {
        const [topic, group] = [freshName('topic'), freshName('group')];
        const partition = { topic, partition: 0 };
        await log.ensureTopics([topicSpec(topic, { partitionCount: 1 })]);
        await log.append(['a', 'b'].map((text) => newRecord(topic, 0, text)));
        const end = (await log.status(topic))[0]?.endOffset;
        const consume = (process: PartitionHandler['process'], calls: string[]): Consumer => {
          let last: Checkpoint | null = null;
          return consumeTopic(log, { group, topic }, () => ({
            process: (batch) => {
              last = checkpointAfter(batch, { state: [{ key: 'done', value: Buffer.from('ab') }] });
              return process(batch);
            },
            finish: () => {
              calls.push('finish');
              return last;
            },
            close: () => calls.push('close'),
          }));
        };
        const failed: string[] = [];
        await assert.rejects(consume(() => Promise.reject(new Error('a bug')), failed).done, /a bug/);
        assert.deepEqual(failed, ['close']);
        assert.equal(await log.committed(group, partition), undefined);
        const ended: string[] = [];
        await consume(() => Promise.resolve(null), ended).close({ drain: true });
        assert.deepEqual(ended, ['finish', 'close']);
        assert.equal(await log.committed(group, partition), end);
        const state: string[] = [];
        for await (const { key, value } of log.state(group, partition)) state.push(`${key} ${value}`);
        assert.deepEqual(state, ['done ab']);
        const idle: string[] = [];
        await consume(() => assert.fail('all was processed'), idle).close({ drain: true });
        assert.deepEqual(idle, ['finish', 'close']);
        assert.equal(await log.committed(group, partition), end);
      });

      test('a group without a checkpoint joins once, and is restored from what joining made durable', async (log) => {
        const [topic, group] = [freshName('topic'), freshName('group')];
        const partition = { topic, partition: 0 };
        await log.ensureTopics([topicSpec(topic, { partitionCount: 1 })]);
        await log.append(['a', 'b'].map((text) => newRecord(topic, 0, text)));
        const [bounds] = await log.status(topic);
        assert(bounds);
        const visit = async (): Promise<string[]> => {
          const calls: string[] = [];
          const restored = signal();
          const consumer = consumeTopic(log, { group, topic }, () => ({
            join: ({ beginOffset, endOffset }) => {
              calls.push('join');
              const value = Buffer.from(`${beginOffset}..${endOffset}`);
              return { nextOffset: beginOffset, outputs: [], state: [{ key: 'joined', value }] };
            },
            restore: (state) => {
              for (const { key, value } of state) calls.push(`${key} ${value}`);
              restored.give();
            },
          }));
          await Promise.race([restored.promise, consumer.done]);
          await consumer.close();
          return calls;
        };
        const joined = `joined ${bounds.beginOffset}..${bounds.endOffset}`;
        assert.deepEqual(await visit(), ['join', joined]);
        assert.equal(await log.committed(group, partition), bounds.beginOffset);
        await log.append([newRecord(topic, 0, 'c')]);
        assert.deepEqual(await visit(), [joined]);
      });

      test('a group that begins at the end sees only what comes later', async (log) => {
        const [topic, group] = [freshName('topic'), freshName('group')];
        await log.ensureTopics([topicSpec(topic, { partitionCount: 1 })]);
        await log.append([newRecord(topic, 0, 'before')]);
        const ready = signal();
        const first = signal<string>();
        const consumer = consumeTopic(log, { group, topic, from: 'end' }, () => ({
          restore: () => ready.give(),
          process: async (batch) => {
            first.give(batch.records[0]?.value.toString() ?? '');
            return null;
          },
        }));
        await ready.promise;
        await log.append([newRecord(topic, 0, 'after')]);
        assert.equal(await Promise.race([first.promise, consumer.done]), 'after');
        await consumer.close();
      });

      test('groups do not disturb each other', async (log) => {
        const topic = freshName('topic');
        await log.ensureTopics([topicSpec(topic)]);
        await log.append(Array.from({ length: 20 }, (_, i) => newRecord(topic, i % 2, `${i}`)));
        const [one, two] = await Promise.all([
          consumeCount(log, { group: freshName('group'), topic, count: 20 }),
          consumeCount(log, { group: freshName('group'), topic, count: 20, batchRecordsMax: 3 }),
        ]);
        const texts = (records: readonly LogRecord[]) => textsOf(records).sort();
        assert.deepEqual(texts(one), texts(two));
        assert.equal(one.length, 20);
      });

      test('processes one batch of a partition at a time, and partitions beside each other', async (log) => {
        const [topic, group] = [freshName('topic'), freshName('group')];
        await log.ensureTopics([topicSpec(topic)]);
        await log.append(Array.from({ length: 8 }, (_, i) => newRecord(topic, i % 2, `${i}`)));
        const bothRun = signal();
        const all = signal();
        const running = [0, 0];
        let seen = 0;
        const consumer = consumeTopic(log, { group, topic, batchRecordsMax: 1 }, ({ partition }) => ({
          process: async () => {
            assert.equal(running[partition], 0, 'one batch at a time');
            running[partition] = 1;
            if (running[1 - partition] === 1) bothRun.give();
            // The first batch of each partition waits here until the other one has begun.
            await bothRun.promise;
            await turn();
            running[partition] = 0;
            if (++seen === 8) all.give();
            return null;
          },
        }));
        await Promise.race([all.promise, consumer.done]);
        await consumer.close();
      });

      test('stops when process rejects, and skips nothing', async (log) => {
        const [topic, group] = [freshName('topic'), freshName('group')];
        await log.ensureTopics([topicSpec(topic, { partitionCount: 1 })]);
        await log.append(['a', 'b', 'c'].map((text) => newRecord(topic, 0, text)));
        let closed = 0;
        const consumer = consumeTopic(log, { group, topic, batchRecordsMax: 1 }, () => ({
          process: async (batch) => {
            if (batch.records[0]?.value.toString() === 'b') throw new Error('cannot do b');
            return checkpointAfter(batch);
          },
          close: () => closed++,
        }));
        await assert.rejects(consumer.done, /cannot do b/);
        await consumer.close();
        assert.equal(closed, 1);
        const rest = await consumeCount(log, { group, topic, count: 2 });
        assert.deepEqual(textsOf(rest), ['b', 'c']);
      });

      test('a topic that does not exist stops the consumer with a reason', async (log) => {
        const topic = freshName('missing');
        const consumer = consumeTopic(
          log,
          { group: freshName('group'), topic, batchRecordsMax: 1 },
          () => ({}),
        );
        await assert.rejects(
          consumer.done,
          (error) => error instanceof WorldError && error.message.includes(topic),
        );
        await consumer.close();
      });

      test('draining processes everything that the log held when close was called', async (log) => {
        const [topic, group] = [freshName('topic'), freshName('group')];
        await log.ensureTopics([topicSpec(topic)]);
        await log.append(Array.from({ length: 100 }, (_, i) => newRecord(topic, i % 2, `${i}`)));
        const seen: string[] = [];
        const consumer = consumeTopic(log, { group, topic, batchRecordsMax: 3 }, () => ({
          process: async (batch) => {
            await turn();
            seen.push(...textsOf(batch.records));
            return checkpointAfter(batch);
          },
        }));
        await consumer.close({ drain: true });
        await consumer.done;
        assert.equal(seen.length, 100);
        // Draining with nothing left to do ends as well.
        const idle = consumeTopic(log, { group, topic, batchRecordsMax: 3 }, () => ({
          process: async () => assert.fail('all was processed'),
        }));
        await idle.close({ drain: true });
        await idle.done;
      });

      test('outputs of a checkpoint reach the next stage, to the end of a chain', async (log) => {
        const [a, b, c] = [freshName('a'), freshName('b'), freshName('c')];
        await log.ensureTopics([topicSpec(a), topicSpec(b), topicSpec(c)]);
        const stage = (topic: string, to: string): Consumer =>
          copying(log, { group: freshName('stage'), topic, to }, { change: (text) => `${text}>` });
        const stages = [stage(a, b), stage(b, c)];
        const ending = consumeCount(log, { group: freshName('last'), topic: c, count: 30 });
        for (let i = 0; i < 30; i++) await log.append([newRecord(a, i % 2, `${i}`)]);
        const seen = await Promise.race([ending, ...stages.map((consumer) => consumer.done)]);
        for (const consumer of stages) await consumer.close();
        assert.deepEqual(
          seen?.map(({ value }) => Number.parseInt(value.toString(), 10)).sort((x, y) => x - y),
          Array.from({ length: 30 }, (_, i) => i),
        );
        assert(seen?.every((record) => record.value.toString().endsWith('>>')));
      });

      test('members of a group share partitions, and take over with state when one leaves', async (log) => {
        const [topic, group] = [freshName('topic'), freshName('group')];
        await log.ensureTopics([topicSpec(topic, { partitionCount: 4 })]);
        const owner = new Map<number, string>();
        const seen: string[] = [];
        const lastRestored = new Map<number, string>();
        let wanted = 40;
        let enough = signal();
        const join = (member: string): Consumer =>
          consumeTopic(log, { group, topic, batchRecordsMax: 2 }, ({ partition }) => {
            assert(!owner.has(partition), 'a partition has one owner at a time');
            owner.set(partition, member);
            return {
              restore: (state) => {
                for (const { value } of state) lastRestored.set(partition, value.toString());
              },
              process: async (batch) => {
                await turn();
                assert.equal(owner.get(partition), member);
                seen.push(...textsOf(batch.records));
                if (seen.length >= wanted) enough.give();
                return checkpointAfter(batch, {
                  state: [{ key: 'last', value: batch.records.at(-1)?.value ?? null }],
                });
              },
              close: () => owner.delete(partition),
            };
          });
        const first = join('first');
        const second = join('second');
        const appendFrom = (start: number) =>
          log.append(Array.from({ length: 40 }, (_, i) => newRecord(topic, i % 4, `${start + i}`)));
        await appendFrom(0);
        await Promise.race([enough.promise, first.done, second.done]);
        // Both had work: wait until the partitions are shared, however long the log takes to assign them.
        while (new Set(owner.values()).size < 2) await turn();
        await second.close();
        await second.done;
        wanted = 80;
        enough = signal();
        if (seen.length >= wanted) enough.give();
        await appendFrom(40);
        await Promise.race([enough.promise, first.done]);
        await first.close();
        await first.done;
        assert.deepEqual(
          seen.map(Number).sort((x, y) => x - y),
          Array.from({ length: 80 }, (_, i) => i),
        );
        assert.equal(owner.size, 0, 'every handler was closed');
        assert(lastRestored.size >= 1, 'whoever took over restored the state of the other');
      });
    });

    describe('close', () => {
      test('finishes appends under way, then refuses with "closed"', async (log, made) => {
        const topic = freshName('topic');
        await log.ensureTopics([topicSpec(topic)]);
        const appends = Array.from({ length: 20 }, (_, i) => log.append([newRecord(topic, 0, `${i}`)]));
        const closing = log.close();
        await Promise.all([...appends, closing, log.close()]);
        const isClosed = (error: unknown) => error instanceof WorldError && error.code === 'closed';
        await assert.rejects(log.append([newRecord(topic, 0, 'late')]), isClosed);
        await assert.rejects(log.status(topic), isClosed);
        await assert.rejects(readAll(log, { topic, partition: 0 }), isClosed);
        if (made.reopen) assert.equal((await readTexts(await made.reopen(log), topic, 0)).length, 20);
      });

      test('stops the consumers first', async (log) => {
        const topic = freshName('topic');
        await log.ensureTopics([topicSpec(topic)]);
        let closed = 0;
        const restored = signal();
        const consumer = consumeTopic(log, { group: freshName('group'), topic, batchRecordsMax: 1 }, () => ({
          restore: () => restored.give(),
          close: () => closed++,
        }));
        await restored.promise;
        await log.close();
        await consumer.done;
        assert(closed > 0);
      });

      test('what was acknowledged is there after opening again: records, ends, offsets, state', async (log, made) => {
        if (!made.reopen) return;
        const [topic, compacted, group] = [freshName('topic'), freshName('compacted'), freshName('group')];
        await log.ensureTopics([topicSpec(topic), topicSpec(compacted, { cleanup: 'compact' })]);
        await log.append(['a', 'b'].map((text) => newRecord(topic, 0, text)));
        await log.append(['1', '2'].map((text) => newRecord(compacted, 0, text, { key: 'same' })));
        await consumeCount(log, { group, topic, count: 2 }, (batch) =>
          checkpointAfter(batch, { state: [{ key: 's', value: Buffer.from('t') }] }),
        );
        const partition = { topic, partition: 0 };
        const before = [
          await log.status(topic),
          await log.committed(group, partition),
          await readAll(log, partition),
        ];
        await log.close();
        const again = await made.reopen(log);
        assert.deepEqual(
          [
            await again.status(topic),
            await again.committed(group, partition),
            await readAll(again, partition),
          ],
          before,
        );
        for await (const { key, value } of again.state(group, partition))
          assert.deepEqual([key, value.toString()], ['s', 't']);
        await again.append([newRecord(compacted, 0, '3', { key: 'same' }), newRecord(topic, 0, 'c')]);
        assert.equal((await readTexts(again, compacted, 0)).at(-1), '3');
        const rest = await consumeCount(again, { group, topic, count: 1 });
        assert.deepEqual(textsOf(rest), ['c']);
      });
    });
  });
}
