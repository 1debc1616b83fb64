/** What a person meets when the folder of a log is locked, damaged, of another kind, or on a full disk. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { UserError, WorldError, type WorldErrorCode } from '../../domain/errors.js';
import type { Log } from '../../domain/log.js';
import { findDamage } from '../../infra/embedded/lmdb-check.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { openEmbeddedStore } from '../../infra/embedded/store.js';
import {
  checkpointAfter,
  consumeTopic,
  newRecord,
  readTexts,
  textsOf,
  topicSpec,
} from '../conformance/log-parts.js';

function isWorldError(code: WorldErrorCode, ...words: readonly RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof WorldError, String(error));
    assert.equal(error.code, code);
    for (const word of words) assert.match(error.message, word);
    return true;
  };
}

function isUserError(...words: readonly RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof UserError, String(error));
    for (const word of words) assert.match(error.message, word);
    return true;
  };
}

/** Runs `body` with a fresh folder and removes it; closes the logs that it opened through `open`. */
async function inFolder(
  body: (dir: string, open: (mode?: 'read-write' | 'read-only') => Promise<Log>) => Promise<void>,
): Promise<void> {
  const dir = join(mkdtempSync(join(tmpdir(), 'millwright-faults-')), 'log');
  const opened: Log[] = [];
  try {
    await body(dir, async (mode = 'read-write') => {
      const log = await openEmbeddedLog({ dir, mode });
      opened.push(log);
      return log;
    });
  } finally {
    for (const log of opened) await log.close();
    rmSync(join(dir, '..'), { recursive: true, force: true });
  }
}

async function fill(log: Log, texts: readonly string[]): Promise<void> {
  await log.ensureTopics([topicSpec('t')]);
  await log.append(texts.map((text) => newRecord('t', 0, text)));
}

describe('a folder that somebody else writes', () => {
  it('is refused with the process that holds it, in the same process too', () =>
    inFolder(async (dir, open) => {
      const log = await open();
      await assert.rejects(
        openEmbeddedLog({ dir }),
        isWorldError('locked', new RegExp(`process ${process.pid}`)),
      );
      await log.close();
      await open();
    }));

  it(
    'is refused while its process lives, read meanwhile, and taken over when it was killed',
    { timeout: 180_000 },
    () =>
      inFolder(async (dir, open) => {
        const program = new URL('../fixtures/log-appender.js', import.meta.url).pathname;
        const child = spawn(process.execPath, [program, dir, '1'], { stdio: ['ignore', 'pipe', 'inherit'] });
        try {
          // The first line says that a record is durable.
          await new Promise((resolve) => child.stdout.once('data', resolve));
          await assert.rejects(
            openEmbeddedLog({ dir }),
            isWorldError('locked', new RegExp(`process ${child.pid}`), /stop that process/),
          );
          assert((await readTexts(await open('read-only'), 'in', 0)).length > 0);
        } finally {
          child.kill('SIGKILL');
          await new Promise((resolve) => child.once('exit', resolve));
        }
        assert(existsSync(join(dir, 'writer.lock')), 'a killed process leaves its lock');
        const log = await open();
        assert((await readTexts(log, 'in', 0)).length > 0);
      }),
  );

  it('is taken over when the lock names our own process id or that of another boot', () =>
    inFolder(async (dir, open) => {
      for (const started of ['', 'another-boot:1']) {
        mkdirSync(dir, { recursive: true });
        writeFileSync(
          join(dir, 'writer.lock'),
          JSON.stringify({ pid: started ? 1 : process.pid, host: hostname(), started }),
        );
        await (await open()).close();
      }
      assert(!existsSync(join(dir, 'writer.lock')), 'closing gives the lock back');
    }));

  it('on another computer is refused, with what to delete', () =>
    inFolder(async (dir) => {
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, 'writer.lock'), JSON.stringify({ pid: 7, host: 'elsewhere', started: '' }));
      await assert.rejects(
        openEmbeddedLog({ dir }),
        isWorldError('locked', /process 7 on elsewhere/, /delete .*writer\.lock/),
      );
    }));
});

describe('reading only', () => {
  it('of a folder that is not there says how to get one', () =>
    inFolder(async (dir) => {
      await assert.rejects(
        openEmbeddedLog({ dir, mode: 'read-only' }),
        isUserError(/there is no log in/, /millwright run/),
      );
      assert(!existsSync(dir), 'nothing was made');
    }));

  it('writes nothing', () =>
    inFolder(async (_, open) => {
      const log = await open();
      await fill(log, ['a']);
      await log.close();
      const reader = await open('read-only');
      assert.deepEqual(await readTexts(reader, 't', 0), ['a']);
      await assert.rejects(reader.append([newRecord('t', 0, 'b')]), isUserError(/reading only/));
      await assert.rejects(reader.ensureTopics([topicSpec('u')]), isUserError(/reading only/));
      const consumer = consumeTopic(reader, { group: 'g', topic: 't', batchRecordsMax: 1 }, () => ({}));
      await assert.rejects(consumer.done, isUserError(/reading only/));
    }));
});

describe('a folder of another kind', () => {
  it('a store, a later format, or a foreign database is named', () =>
    inFolder(async (dir, open) => {
      await (await open()).close();
      await assert.rejects(openEmbeddedStore({ dir }), isUserError(/holds a log, not a store/));
      writeFileSync(join(dir, 'format.json'), JSON.stringify({ holds: 'log', version: 99 }));
      await assert.rejects(openEmbeddedLog({ dir }), isUserError(/format 99/, /format 1/));
      writeFileSync(join(dir, 'format.json'), '{"hol');
      await assert.rejects(openEmbeddedLog({ dir }), isWorldError('corrupt', /format\.json/));
      rmSync(join(dir, 'format.json'));
      await assert.rejects(openEmbeddedLog({ dir }), isUserError(/not ours/));
      assert(!existsSync(join(dir, 'writer.lock')), 'a refused folder is not left locked');
    }));

  it('a folder that was left while it was being made is made again', () =>
    inFolder(async (dir, open) => {
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, 'format.json.new'), '{"ho');
      writeFileSync(join(dir, 'data.mdb'), '');
      await fill(await open(), ['a']);
    }));
});

describe('a damaged data file', () => {
  /** A log of a few hundred pages whose file `damage` then changes. */
  async function damaged(
    dir: string,
    open: () => Promise<Log>,
    damage: (path: string) => void,
  ): Promise<void> {
    const log = await open();
    await fill(
      log,
      Array.from({ length: 500 }, (_, i) => `${i}`.padEnd(1_000, 'x')),
    );
    await log.close();
    damage(join(dir, 'data.mdb'));
  }

  for (const [what, damage, words] of [
    ['cut in half', (path: string) => truncateSync(path, Math.floor(statSync(path).size / 2)), /cut off/],
    ['cut within the first page', (path: string) => truncateSync(path, 100), /only 100 bytes/],
    ['cut within the second page', (path: string) => truncateSync(path, 5_000), /5000 bytes/],
    ['empty', (path: string) => truncateSync(path, 0), /only 0 bytes/],
    ['gone', (path: string) => rmSync(path), /missing/],
    ['of garbage', (path: string) => writeFileSync(path, Buffer.alloc(100_000, 'garbage')), /first page/],
    [
      'with a broken second page',
      (path: string) => {
        const file = openSync(path, 'r+');
        writeSync(file, Buffer.alloc(4_096, 0xee), 0, 4_096, 4_096);
        closeSync(file);
      },
      /second page/,
    ],
  ] as const)
    it(`${what} is refused with what to do, for writing and for reading`, () =>
      inFolder(async (dir, open) => {
        await damaged(dir, open, damage);
        for (const mode of ['read-write', 'read-only'] as const)
          await assert.rejects(
            openEmbeddedLog({ dir, mode }),
            isWorldError('corrupt', words, /backup|empty one/, new RegExp(dir)),
          );
        assert(!existsSync(join(dir, 'writer.lock')), 'it is not left locked');
      }));

  it('with garbage anywhere among its pages is found by looking at all of them', () =>
    inFolder(async (dir, open) => {
      await damaged(dir, open, () => {});
      assert.equal(findDamage(dir, 'all'), undefined);
      const path = join(dir, 'data.mdb');
      const whole = readFileSync(path);
      let foundCount = 0;
      const pageCount = whole.length / 4_096;
      for (let page = 2; page < pageCount; page++) {
        writeFileSync(path, whole);
        const file = openSync(path, 'r+');
        writeSync(file, Buffer.alloc(4_096, 0xee), 0, 4_096, page * 4_096);
        closeSync(file);
        if (findDamage(dir, 'all') !== undefined) foundCount++;
      }
      // Pages that are free at the moment may hold anything.
      assert(foundCount > 0.8 * pageCount, `${foundCount} of ${pageCount}`);
      writeFileSync(
        path,
        Buffer.concat([whole.subarray(0, 8_192), Buffer.alloc(whole.length - 8_192, 0xee)]),
      );
      await assert.rejects(openEmbeddedLog({ dir }), isWorldError('corrupt', /page \d+ of data\.mdb/));
    }));

  it('that only lacks free pages at its end is opened', () =>
    inFolder(async (dir, open) => {
      await damaged(dir, open, (path) => {
        // The meta pages say one page more than there is: legal, if that page is a free one.
        const file = openSync(path, 'r+');
        const size = statSync(path).size;
        ftruncateSync(file, size);
        for (const meta of [0, 4_096]) {
          const lastPage = Buffer.alloc(8);
          lastPage.writeBigUInt64LE(BigInt(size / 4_096));
          writeSync(file, lastPage, 0, 8, meta + 144);
        }
        closeSync(file);
      });
      assert.equal((await readTexts(await open(), 't', 0)).length, 500);
    }));
});

describe('a full disk', () => {
  it('rejects what is not written, keeps what is, and goes on when there is room again', {
    timeout: 120_000,
  }, async (t) => {
    const mount = mkdtempSync(join(tmpdir(), 'millwright-full-'));
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', mount]).status !== 0) {
      rmSync(mount, { recursive: true });
      t.skip('NEEDS root, to mount a file system of 12 MB: the full disk is not tested');
      return;
    }
    let log: Log | null = null;
    try {
      const dir = join(mount, 'log');
      log = await openEmbeddedLog({ dir });
      await log.ensureTopics([topicSpec('t'), topicSpec('out')]);
      const filler = join(mount, 'filler');
      writeFileSync(filler, Buffer.alloc(6 * 2 ** 20));
      const acknowledged: string[] = [];
      let failures = 0;
      for (let i = 0; failures < 3; i++) {
        const text = `${i}`.padEnd(20_000, 'x');
        try {
          await log.append([newRecord('t', 0, text)]);
          acknowledged.push(text);
        } catch (error) {
          isWorldError('disk-full', /full/, new RegExp(dir))(error);
          assert((error as WorldError).retryable);
          failures++;
        }
        assert(i < 1_000, 'the disk gets full');
      }
      assert(acknowledged.length > 10);
      assert.deepEqual(await readTexts(log, 't', 0), acknowledged);
      // A consumer whose checkpoint finds no room waits for it and loses nothing.
      let offered = 0;
      const consumer = consumeTopic(log, { group: 'g', topic: 't', batchRecordsMax: 1_000 }, () => ({
        process: async (batch) => {
          offered += batch.records.length;
          return checkpointAfter(batch, {
            outputs: textsOf(batch.records).map((text) => newRecord('out', 0, text)),
            state: [{ key: 'count', value: Buffer.from(`${offered}`) }],
          });
        },
      }));
      const draining = consumer.close({ drain: true });
      while (offered === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      await assert.rejects(
        log.append([newRecord('t', 1, 'x'.repeat(200_000), { key: 'k' })]),
        isWorldError('disk-full'),
      );
      assert.equal(await log.committed('g', { topic: 't', partition: 0 }), undefined);
      rmSync(filler);
      await draining;
      await consumer.done;
      assert.equal(offered, acknowledged.length, 'each record was processed once');
      assert.deepEqual(await readTexts(log, 'out', 0), acknowledged);
      await log.append([newRecord('t', 0, 'after')]);
      await log.close();
      log = await openEmbeddedLog({ dir });
      assert.deepEqual(await readTexts(log, 't', 0), [...acknowledged, 'after']);
    } finally {
      await log?.close();
      spawnSync('umount', ['-l', mount]);
      rmSync(mount, { recursive: true, force: true });
    }
  });
});

describe('bounds of the embedded log', () => {
  it('a key that does not fit is refused before anything is written, with its size', () =>
    inFolder(async (_, open) => {
      const log = await open();
      await log.ensureTopics([topicSpec('t'), topicSpec('c', { cleanup: 'compact' })]);
      const long = 'k'.repeat(3_000);
      await log.append([newRecord('t', 0, 'fits', { key: long })]);
      await assert.rejects(
        log.append([newRecord('c', 0, 'a'), newRecord('c', 0, 'b', { key: long })]),
        isWorldError('too-large', /3000 bytes/, /"c"/),
      );
      assert.deepEqual(await readTexts(log, 'c', 0), []);
    }));

  it('too many partitions are refused with how many are possible', () =>
    inFolder(async (_, open) => {
      const log = await open();
      await assert.rejects(
        log.ensureTopics([topicSpec('t', { partitionCount: 2_000 })]),
        isUserError(/at most \d+ partitions/, /2000/, /Kafka/),
      );
      await fill(log, ['a']);
    }));

  it('compaction and retention give disk space back, and never an offset a second time', () =>
    inFolder(async (dir, open) => {
      let log = await open();
      await log.ensureTopics([topicSpec('c', { cleanup: 'compact' }), topicSpec('d', { retentionMs: 10 })]);
      const padding = 'x'.repeat(2_000);
      for (let i = 0; i < 100; i++)
        await log.append(
          Array.from({ length: 20 }, (_, j) => [
            newRecord('c', 0, padding, { key: `${j}` }),
            newRecord('d', 0, padding, { timeMs: i }),
          ]).flat(),
        );
      assert.equal((await readTexts(log, 'c', 0)).length, 20);
      assert.equal((await readTexts(log, 'd', 0)).length, 11 * 20);
      assert(statSync(join(dir, 'data.mdb')).size < 4 * 2 ** 20, 'of 8 MB that were written');
      // Everything expires but the newest; then reopening must go on counting.
      await log.append([newRecord('d', 0, 'last', { timeMs: 10_000 })]);
      const status = { topic: 'd', partition: 0, beginOffset: 2_000, endOffset: 2_001 };
      assert.deepEqual((await log.status('d'))[0], status);
      await log.close();
      log = await open();
      assert.deepEqual((await log.status('d'))[0], status);
      assert.equal((await log.status('c'))[0]?.endOffset, 2_000);
    }));

  it('retention spares what a running consumer has not yet included', () =>
    inFolder(async (_, open) => {
      const log = await open();
      await log.ensureTopics([topicSpec('d', { partitionCount: 1, retentionMs: 10 })]);
      let release: () => void = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const seen: string[] = [];
      const consumer = consumeTopic(log, { group: 'slow', topic: 'd', batchRecordsMax: 1 }, () => ({
        process: async (batch) => {
          await held;
          seen.push(...textsOf(batch.records));
          return checkpointAfter(batch);
        },
      }));
      for (let i = 0; i < 20; i++) await log.append([newRecord('d', 0, `${i}`, { timeMs: i * 1_000 })]);
      release();
      await consumer.close({ drain: true });
      assert.equal(seen.length, 20);
      await log.append([newRecord('d', 0, 'end', { timeMs: 20_000 })]);
      assert.deepEqual(await readTexts(log, 'd', 0), ['end']);
    }));

  it('retention spares, after opening again, what a group that does not run yet has not included', () =>
    inFolder(async (_, open) => {
      let log = await open();
      await log.ensureTopics([topicSpec('d', { partitionCount: 1, retentionMs: 10 })]);
      const consume = (seen: string[]) =>
        consumeTopic(log, { group: 'slow', topic: 'd', batchRecordsMax: 1 }, () => ({
          process: async (batch) => {
            seen.push(...textsOf(batch.records));
            return checkpointAfter(batch);
          },
        }));
      await log.append([newRecord('d', 0, 'first', { timeMs: 0 })]);
      await consume([]).close({ drain: true });
      for (let i = 0; i < 5; i++) await log.append([newRecord('d', 0, `${i}`, { timeMs: i * 1_000 })]);
      await log.close();
      log = await open();
      await log.append([newRecord('d', 0, 'end', { timeMs: 20_000 })]);
      const seen: string[] = [];
      await consume(seen).close({ drain: true });
      assert.deepEqual(seen, ['0', '1', '2', '3', '4', 'end']);
      assert.deepEqual(await readTexts(log, 'd', 0), ['end']);
    }));

  it('what a commit cannot remove at once goes with those that follow', () =>
    inFolder(async (_, open) => {
      const log = await open();
      await log.ensureTopics([topicSpec('c', { cleanup: 'compact' }), topicSpec('other')]);
      const group = () =>
        consumeTopic(log, { group: 'slow', topic: 'c', batchRecordsMax: 10_000 }, () => ({
          process: async (batch) => checkpointAfter(batch),
        }));
      await log.append([newRecord('c', 0, 'first', { key: 'a' })]);
      await group().close({ drain: true });
      await log.append(Array.from({ length: 5_000 }, (_, i) => newRecord('c', 0, `${i}`, { key: 'b' })));
      await group().close({ drain: true });
      // Each append waits for a commit, and a piece of the removal goes with it.
      for (let i = 0; i < 10; i++) await log.append([newRecord('other', 0, `${i}`)]);
      assert.deepEqual(await readTexts(log, 'c', 0), ['first', '4999']);
    }));
});

it('a lock file names process and computer', () =>
  inFolder(async (dir, open) => {
    await open();
    const lock = JSON.parse(readFileSync(join(dir, 'writer.lock'), 'utf8')) as { pid: number; host: string };
    assert.deepEqual([lock.pid, lock.host], [process.pid, hostname()]);
  }));
