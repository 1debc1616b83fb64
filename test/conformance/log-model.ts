/**
 * Random histories of a log against a plain model: append, consume with checkpoints here and there (two groups that
 * lag behind each other on a compacted topic, too), open again.
 * Like the conformance suite, it assumes nothing beyond the port; run it on each adapter.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Log, LogRecord, NewRecord } from '../../domain/log.js';
import type { LogHarness } from './log.js';
import {
  checkpointAfter,
  consumeTopic,
  freshName,
  newRecord,
  readAll,
  textsOf,
  topicSpec,
} from './log-parts.js';

const partitionCount = 2;
const retentionMs = 50;
const followerCount = 2;

type TopicKind = 'kept' | 'expiring' | 'compacted';

interface Appended {
  readonly key: string;
  readonly text: string;
  readonly timeMs: number;
}

/** What must be true of the log. */
interface Model {
  readonly topics: Readonly<Record<TopicKind, string>>;
  readonly group: string;
  /** Everything ever appended, by topic and partition. */
  readonly records: Readonly<Record<TopicKind, Appended[][]>>;
  /** Of the group, by partition of topic `kept`: how many records its checkpoints include, and its state. */
  readonly includedCount: number[];
  readonly state: Map<string, string>[];
  /** Texts that topic `compacted` has lost. */
  readonly compactedAway: Set<string>;
  /** Groups on topic `compacted`; by partition how many records their checkpoints include, undefined without one. */
  readonly followers: readonly {
    readonly group: string;
    readonly includedCount: (number | undefined)[];
  }[];
  readonly compaction: LogHarness['compaction'];
  textCount: number;
}

interface Real {
  log: Log;
  readonly reopen: ((log: Log) => Promise<Log>) | undefined;
}

class Append implements fc.AsyncCommand<Model, Real> {
  readonly calls: readonly (readonly (readonly [TopicKind, number, string, number])[])[];

  constructor(calls: Append['calls']) {
    this.calls = calls;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    await Promise.all(
      this.calls.map((call) =>
        real.log.append(
          call.map(([kind, partition, key, timeMs]) => {
            const text = `${model.textCount++}`;
            model.records[kind][partition]?.push({ key, text, timeMs });
            return newRecord(model.topics[kind], partition, text, { key, timeMs });
          }),
        ),
      ),
    );
    await checkRecords(model, real.log);
  }

  toString(): string {
    return `Append(${JSON.stringify(this.calls)})`;
  }
}

/** Consumes `kept` to its end; batch number i makes a checkpoint if `checkpoints[i % length]` says so. */
class Consume implements fc.AsyncCommand<Model, Real> {
  readonly batchRecordsMax: number;
  readonly checkpoints: readonly ('none' | 'put' | 'delete')[];

  constructor(batchRecordsMax: number, checkpoints: Consume['checkpoints']) {
    this.batchRecordsMax = batchRecordsMax;
    this.checkpoints = checkpoints;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const consumer = consumeTopic(
      real.log,
      { group: model.group, topic: model.topics.kept, batchRecordsMax: this.batchRecordsMax },
      ({ partition }) => {
        let seenCount = model.includedCount[partition] ?? 0;
        let batchCount = 0;
        return {
          restore: (entries) => {
            const restored = new Map([...entries].map(({ key, value }) => [key, value.toString()]));
            assert.deepEqual(
              restored,
              model.state[partition],
              'restored state is that of the last checkpoint',
            );
          },
          process: async (batch) => {
            const expected = model.records.kept[partition]?.slice(
              seenCount,
              seenCount + batch.records.length,
            );
            assert.deepEqual(
              textsOf(batch.records),
              expected?.map(({ text }) => text),
            );
            seenCount += batch.records.length;
            const what = this.checkpoints[batchCount++ % this.checkpoints.length];
            if (what === 'none') return null;
            const key = `entry${seenCount % 3}`;
            const output: Appended = { key: `of${partition}`, text: `${model.textCount++}`, timeMs: 0 };
            model.records.compacted[partition]?.push(output);
            model.includedCount[partition] = seenCount;
            if (what === 'put') model.state[partition]?.set(key, output.text);
            else model.state[partition]?.delete(key);
            return checkpointAfter(batch, {
              outputs: [newRecord(model.topics.compacted, partition, output.text, output)],
              state: [{ key, value: what === 'put' ? Buffer.from(output.text) : null }],
            });
          },
        };
      },
    );
    await consumer.close({ drain: true });
    await consumer.done;
    await checkRecords(model, real.log);
    await checkGroup(model, real.log);
  }

  toString(): string {
    return `Consume(${this.batchRecordsMax}, ${this.checkpoints})`;
  }
}

/** A group reads `compacted` to its end, but includes only its first `checkpointCount` batches in checkpoints. */
class Follow implements fc.AsyncCommand<Model, Real> {
  readonly follower: number;
  readonly batchRecordsMax: number;
  readonly checkpointCount: number;

  constructor(follower: number, batchRecordsMax: number, checkpointCount: number) {
    this.follower = follower;
    this.batchRecordsMax = batchRecordsMax;
    this.checkpointCount = checkpointCount;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const follower = model.followers[this.follower];
    assert(follower);
    const expected: string[][] = [];
    for (let partition = 0; partition < partitionCount; partition++) {
      const all = (model.records.compacted[partition] ?? []).map(({ text }) => text);
      const rest = all.slice(follower.includedCount[partition] ?? 0);
      expected.push(rest.filter((text) => !model.compactedAway.has(text)));
    }
    const seen: string[][] = expected.map(() => []);
    const consumer = consumeTopic(
      real.log,
      { group: follower.group, topic: model.topics.compacted, batchRecordsMax: this.batchRecordsMax },
      ({ partition }) => {
        let batchCount = 0;
        return {
          process: async (batch) => {
            seen[partition]?.push(...textsOf(batch.records));
            if (batchCount++ >= this.checkpointCount) return null;
            const last = batch.records.at(-1)?.value.toString();
            const all = model.records.compacted[partition] ?? [];
            follower.includedCount[partition] = all.findIndex(({ text }) => text === last) + 1;
            return checkpointAfter(batch);
          },
        };
      },
    );
    await consumer.close({ drain: true });
    await consumer.done;
    assert.deepEqual(seen, expected);
    await checkRecords(model, real.log);
  }

  toString(): string {
    return `Follow(${this.follower}, ${this.batchRecordsMax}, ${this.checkpointCount})`;
  }
}

class Reopen implements fc.AsyncCommand<Model, Real> {
  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    if (!real.reopen) return;
    await real.log.close();
    real.log = await real.reopen(real.log);
    await checkRecords(model, real.log);
    await checkGroup(model, real.log);
  }

  toString(): string {
    return 'Reopen';
  }
}

async function checkRecords(model: Model, log: Log): Promise<void> {
  for (const kind of ['kept', 'expiring', 'compacted'] as const)
    for (let partition = 0; partition < partitionCount; partition++) {
      const appended = model.records[kind][partition] ?? [];
      const found = await readAll(log, { topic: model.topics[kind], partition });
      const status = (await log.status(model.topics[kind]))[partition];
      assert(status && status.beginOffset <= (found[0]?.offset ?? status.endOffset));
      assert(status.endOffset > (found.at(-1)?.offset ?? -1));
      assertOrdered(found);
      assert.deepEqual(found.map(textAndKey), appended.filter(isAmong(found)).map(appendedTextAndKey));
      const missing = appended.filter((record) => !isAmong(found)(record));
      if (kind === 'kept') assert.deepEqual(missing, []);
      const newestMs = Math.max(...appended.map(({ timeMs }) => timeMs));
      for (const { text, timeMs } of missing)
        if (kind === 'expiring') assert(timeMs < newestMs - retentionMs, `${text} is too young to be gone`);
      if (kind === 'compacted') checkCompaction(model, partition, missing);
    }
}

/**
 * Lost is only what has a newer record and was passed by every group that had committed then; and all of it where
 * compaction is prompt.
 */
function checkCompaction(model: Model, partition: number, missing: readonly Appended[]): void {
  const appended = model.records.compacted[partition] ?? [];
  const newestText = new Map(appended.map(({ key, text }) => [key, text]));
  const passed = model.followers.map(({ includedCount }) => includedCount[partition] ?? Infinity);
  const mayBeLost = appended.filter(
    ({ key, text }, index) =>
      model.compactedAway.has(text) || (index < Math.min(...passed) && newestText.get(key) !== text),
  );
  if (model.compaction === 'with-the-checkpoint') assert.deepEqual(missing, mayBeLost);
  for (const record of missing) {
    assert(mayBeLost.includes(record), `${record.text} was still needed`);
    model.compactedAway.add(record.text);
  }
}

async function checkGroup(model: Model, log: Log): Promise<void> {
  for (let partition = 0; partition < partitionCount; partition++) {
    const id = { topic: model.topics.kept, partition };
    const includedCount = model.includedCount[partition] ?? 0;
    const included = (await readAll(log, id))[includedCount - 1];
    const committed = await log.committed(model.group, id);
    if (included) assert.equal(committed, included.offset + 1);
    else assert.equal(committed, undefined);
    const state = new Map<string, string>();
    for await (const { key, value } of log.state(model.group, id)) state.set(key, value.toString());
    assert.deepEqual(state, model.state[partition]);
  }
}

function assertOrdered(records: readonly LogRecord[]): void {
  for (let i = 1; i < records.length; i++)
    assert((records[i] as LogRecord).offset > (records[i - 1] as LogRecord).offset, 'offsets ascend');
}

function isAmong(found: readonly NewRecord[]): (record: Appended) => boolean {
  const texts = new Set(found.map(({ value }) => value.toString()));
  return ({ text }) => texts.has(text);
}

function textAndKey({ key, value, timeMs }: NewRecord): string {
  return `${value}/${key}/${timeMs}`;
}

function appendedTextAndKey({ key, text, timeMs }: Appended): string {
  return `${text}/${key}/${timeMs}`;
}

const recordArbitrary = fc.tuple(
  fc.constantFrom<TopicKind>('kept', 'expiring', 'compacted'),
  fc.nat(partitionCount - 1),
  fc.constantFrom('a', 'b', 'c'),
  fc.nat(200),
);
const commandArbitraries = [
  fc
    .array(fc.array(recordArbitrary, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 })
    .map((calls) => new Append(calls)),
  fc
    .tuple(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.constantFrom('none' as const, 'put' as const, 'delete' as const), {
        minLength: 1,
        maxLength: 4,
      }),
    )
    .map(([batchRecordsMax, checkpoints]) => new Consume(batchRecordsMax, checkpoints)),
  fc
    .tuple(fc.nat(followerCount - 1), fc.integer({ min: 1, max: 5 }), fc.nat(4))
    .map(
      ([follower, batchRecordsMax, checkpointCount]) =>
        new Follow(follower, batchRecordsMax, checkpointCount),
    ),
  fc.constant(new Reopen()),
];

/** Throws with the shortest failing history. `runs` histories of up to 25 commands each. */
export async function checkLogModel(harness: () => LogHarness, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.commands(commandArbitraries, { maxCommands: 25 }), async (commands) => {
      const made = harness();
      try {
        const log = await made.open();
        const topics = {
          kept: freshName('kept'),
          expiring: freshName('expiring'),
          compacted: freshName('compacted'),
        };
        await log.ensureTopics([
          topicSpec(topics.kept, { partitionCount }),
          topicSpec(topics.expiring, { partitionCount, retentionMs }),
          topicSpec(topics.compacted, { partitionCount, cleanup: 'compact' }),
        ]);
        const model: Model = {
          topics,
          group: freshName('group'),
          records: { kept: [[], []], expiring: [[], []], compacted: [[], []] },
          includedCount: [0, 0],
          state: [new Map(), new Map()],
          followers: Array.from({ length: followerCount }, () => ({
            group: freshName('follower'),
            includedCount: [undefined, undefined],
          })),
          compactedAway: new Set(),
          compaction: made.compaction,
          textCount: 0,
        };
        const reopen = made.reopen?.bind(made);
        await fc.asyncModelRun(() => ({ model, real: { log, reopen } }), commands);
      } finally {
        await made.cleanUp();
      }
    }),
    { numRuns: runs },
  );
}
