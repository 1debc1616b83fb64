/** Reading a log through the process that has it open: addresses, versions, ends. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError, WorldError } from '../../domain/errors.js';
import type { Log } from '../../domain/log.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { frameOf, pack } from '../../infra/embedded/reads-protocol.js';
import { newRecord, readAll, readTexts, topicSpec } from '../conformance/log-parts.js';

/** Runs `body` with the path of a folder that is not there yet; closes what it opened, removes all. */
async function inFolder(
  body: (dir: string, open: (mode?: 'read-only') => Promise<Log>) => Promise<void>,
  name = 'log',
): Promise<void> {
  const parent = mkdtempSync(join(tmpdir(), 'millwright-reads-'));
  const dir = join(parent, name);
  const opened: Log[] = [];
  try {
    await body(dir, async (mode) => {
      const log = await openEmbeddedLog({ dir, ...(mode && { mode }) });
      opened.push(log);
      return log;
    });
  } finally {
    for (const log of opened) await log.close();
    rmSync(parent, { recursive: true, force: true });
  }
}

interface Lock {
  readonly readsAddress?: string | null;
}

function lockOf(dir: string): Lock {
  return JSON.parse(readFileSync(join(dir, 'writer.lock'), 'utf8')) as Lock;
}

/** A process that appends to topic `in` of the log as fast as it can; resolves when a record is durable. */
async function startAppender(dir: string): Promise<ChildProcess> {
  const program = new URL('../fixtures/log-appender.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [program, dir, '1'], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.once('exit', (code, signal) => {
    if (signal !== 'SIGKILL') console.error(`the appender ended by itself: ${code ?? signal}`);
  });
  // The first line says that a record is durable.
  await once(child.stdout, 'data');
  child.stdout.resume();
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

function isWorldError(code: string, ...words: readonly RegExp[]): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof WorldError, String(error));
    assert.equal(error.code, code);
    for (const word of words) assert.match(error.message, word);
    return true;
  };
}

describe('reading beside the writer', () => {
  it('gives a long topic in pieces, several at a time, and lets one go that is not read to its end', () =>
    inFolder(async (_, open) => {
      const log = await open();
      await log.ensureTopics([topicSpec('t')]);
      const texts = Array.from({ length: 3_000 }, (_, i) => `${i}`.padEnd(1_000, 'x'));
      await log.append(texts.map((text) => newRecord('t', 0, text)));
      await log.append([newRecord('t', 0, 'y'.repeat(2_000_000), { key: 'long' })]);
      const reader = await open('read-only');
      const [first, second] = await Promise.all([readTexts(reader, 't', 0), readTexts(reader, 't', 0)]);
      assert.deepEqual(first.slice(0, 3_000), texts);
      assert.equal(first[3_000]?.length, 2_000_000);
      assert.deepEqual(second, first);
      let count = 0;
      for await (const { offset } of reader.read({ topic: 't', partition: 0 }, 0)) {
        assert.equal(offset, count++);
        // Calls within a read, as those who compare two topics make.
        if (count % 500 === 0) assert.equal((await reader.status('t'))[0]?.endOffset, 3_001);
        if (count === 2_000) break;
      }
      assert.equal((await readAll(reader, { topic: 't', partition: 0 }, 2_999)).length, 2);
    }));

  it('goes on with the folder itself when the writer has closed', () =>
    inFolder(async (dir, open) => {
      const log = await open();
      await log.ensureTopics([topicSpec('t')]);
      await log.append([newRecord('t', 0, 'a')]);
      const reader = await open('read-only');
      await log.close();
      await assert.rejects(readTexts(reader, 't', 0), isWorldError('unreachable', /ended/));
      assert.deepEqual(await readTexts(await open('read-only'), 't', 0), ['a']);
      assert(!existsSync(join(dir, 'reads.sock')), 'the socket is gone');
    }));

  it('waits for a writer that is starting', () =>
    inFolder(async (dir, open) => {
      await (await open()).close();
      const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 1500)']);
      try {
        const lock = { pid: child.pid, host: hostname(), started: '', mode: 'read-write' };
        writeFileSync(join(dir, 'writer.lock'), JSON.stringify(lock));
        // It never gets ready, but ends: then the folder is there to be opened.
        await open('read-only');
        assert.equal(child.exitCode, 0);
      } finally {
        child.kill();
      }
    }));

  it('a writer waits for a reader that has the folder open', () =>
    inFolder(async (_, open) => {
      await (await open()).close();
      const reader = await open('read-only');
      const writer = open();
      const first = await Promise.race([writer.then(() => 'writer'), sleep(200, 'nobody')]);
      assert.equal(first, 'nobody');
      await reader.close();
      await writer;
    }));

  it('tells when the writer is killed in mid-read, and reads on from its folder', { timeout: 180_000 }, () =>
    inFolder(async (dir, open) => {
      const child = await startAppender(dir);
      try {
        const reader = await open('read-only');
        while (((await reader.status('in'))[0]?.endOffset ?? 0) < 2_000) await sleep(20);
        let seen = 0;
        const reading = (async () => {
          for await (const _ of reader.read({ topic: 'in', partition: 0 }, 0))
            if (++seen === 1) await end(child);
          // Nothing is cut short: it is an error, or it was all.
          await reader.status('in');
        })();
        await assert.rejects(
          reading,
          isWorldError('unreachable', new RegExp(`process ${child.pid}`), /ended/),
        );
      } finally {
        await end(child);
      }
      assert(existsSync(join(dir, 'reads.sock')), 'a killed process leaves its socket');
      const after = await open('read-only');
      assert(((await readAll(after, { topic: 'in', partition: 0 })).length ?? 0) >= 2_000);
      await after.close();
      await open();
      assert.equal(lockOf(dir).readsAddress, join(dir, 'reads.sock'), 'the next one takes its place');
    }),
  );

  it('is for the same user only', () =>
    inFolder(async (dir, open) => {
      await open();
      assert.equal(statSync(join(dir, 'reads.sock')).mode & 0o777, 0o600);
    }));

  it('uses a short path elsewhere when that of the folder is too long for a socket', () =>
    inFolder(async (dir, open) => {
      const log = await open();
      const { readsAddress } = lockOf(dir);
      assert(typeof readsAddress === 'string' && !readsAddress.startsWith(dir), String(readsAddress));
      assert.equal(statSync(readsAddress).mode & 0o777, 0o600);
      await log.ensureTopics([topicSpec('t')]);
      assert.equal((await (await open('read-only')).status('t')).length, 2);
      await log.close();
      assert(!existsSync(readsAddress), 'it is removed');
    }, 'long'.repeat(30)));

  it('removes the socket elsewhere that a killed process has left', { timeout: 180_000 }, () =>
    inFolder(async (dir, open) => {
      const child = await startAppender(dir);
      await end(child);
      const { readsAddress } = lockOf(dir);
      assert(typeof readsAddress === 'string' && existsSync(readsAddress));
      await (await open('read-only')).close();
      assert(!existsSync(readsAddress));
    }, 'long'.repeat(30)),
  );

  for (const [what, greeting, words] of [
    [
      'an answerer of another version',
      { readsVersion: 2, format: { holds: 'log', version: 1 } },
      /version 2/,
    ],
    ['another format', { readsVersion: 1, format: { holds: 'log', version: 7 } }, /format 7/],
  ] as const)
    it(`of ${what} is refused with what to do`, () =>
      inFolder(async (dir, open) => {
        await (await open()).close();
        const server = createServer((socket) => socket.end(frameOf([pack(greeting)])));
        const readsAddress = join(dir, 'reads.sock');
        server.listen(readsAddress);
        const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
        try {
          const lock = { pid: child.pid, host: hostname(), started: '', mode: 'read-write', readsAddress };
          writeFileSync(join(dir, 'writer.lock'), JSON.stringify(lock));
          await assert.rejects(open('read-only'), (error) => {
            assert(error instanceof UserError, String(error));
            assert.match(error.message, words);
            assert.match(error.message, /stop it first/);
            return true;
          });
        } finally {
          child.kill();
          server.close();
        }
      }));
});

describe('a lock that was left', () => {
  it('is taken over by one of many', { timeout: 180_000 }, () =>
    inFolder(async (dir) => {
      const program = new URL('../fixtures/lock-taker.js', import.meta.url).pathname;
      mkdirSync(dir);
      for (let round = 0; round < 5; round++) {
        writeFileSync(join(dir, 'writer.lock'), JSON.stringify({ pid: 1, host: hostname(), started: 'x:1' }));
        const startMs = String(Date.now() + 600);
        const takers = Array.from({ length: 8 }, () => spawn(process.execPath, [program, dir, startMs]));
        const outputs = await Promise.all(takers.map(({ stdout }) => once(stdout, 'data').then(String)));
        for (const taker of takers) taker.stdin.end();
        await Promise.all(takers.map((taker) => once(taker, 'close')));
        assert.equal(outputs.filter((output) => output === 'taken').length, 1, outputs.join());
        rmSync(join(dir, 'writer.lock'));
      }
    }),
  );
});
