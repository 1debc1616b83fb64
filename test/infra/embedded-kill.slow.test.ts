import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError, WorldError } from '../../domain/errors.js';
import type { Log } from '../../domain/log.js';
import { Rng } from '../../domain/rng.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { readAll, readTexts } from '../conformance/log-parts.js';

const rounds = 12;
let readCount = 0;
const program = new URL('../fixtures/log-appender.js', import.meta.url).pathname;

/**
 * Runs the appender for `lifeMs` after its first acknowledgement, and until it has been read so often, kills it, and
 * returns what it acknowledged.
 */
async function appendUntilKilled(
  dir: string,
  seed: number,
  lifeMs: number,
  readsMin: number,
): Promise<string[]> {
  const child = spawn(process.execPath, [program, dir, `${seed}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  let alive = true;
  let reads = 0;
  const killWhenRead = async (): Promise<void> => {
    await sleep(lifeMs);
    while (alive && reads < readsMin) await sleep(1);
    child.kill('SIGKILL');
  };
  child.stdout.on('data', (chunk: Buffer) => {
    if (output === '') void killWhenRead();
    output += chunk.toString();
  });
  const closed = new Promise((resolve) => child.once('close', (_, name) => resolve(name)));
  const reading = readBeside(dir, {
    goesOn: () => alive,
    // A reader keeps out a writer that starts, which looks again every 50 ms.
    restMs: () => (output === '' ? 100 : 1),
    onRead: () => reads++,
  });
  const signal = await closed;
  alive = false;
  await reading;
  readCount += reads;
  assert.equal(signal, 'SIGKILL', 'it ran until it was killed');
  // A line that was being written when the process died acknowledged nothing.
  return output
    .slice(0, output.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '');
}

/** Opens the log for reading and reads it, over and over, as commands beside a plant do. */
async function readBeside(
  dir: string,
  how: { goesOn(): boolean; restMs(): number; onRead(): void },
): Promise<void> {
  while (how.goesOn()) {
    await sleep(how.restMs());
    try {
      const log = await openEmbeddedLog({ dir, mode: 'read-only' });
      try {
        const [status] = await log.status('in');
        const read = await readAll(log, { topic: 'in', partition: 0 });
        assert(read.length >= (status?.endOffset ?? 0), 'what was there is there');
        how.onRead();
      } finally {
        await log.close();
      }
    } catch (error) {
      // Not made yet, or killed in mid-read.
      assert(error instanceof UserError || error instanceof WorldError, String(error));
      await sleep(5);
    }
  }
}

/**
 * The compacted topic holds the newest count, and before it exactly what its follower has yet to see; the follower
 * has seen every count since its first checkpoint.
 */
async function checkCompacted(log: Log, partition: number, included: number): Promise<void> {
  const counts = await readTexts(log, 'counts', partition);
  assert.equal(counts.at(-1) ?? '0', `${included}`, 'and the counts');
  const newest = await readTexts(log, 'newest', partition);
  assert.equal(newest.at(-1), counts.at(-1));
  const followedTo = await log.committed('follower', { topic: 'newest', partition });
  if (followedTo === undefined) return;
  assert.deepEqual(newest, counts.slice(Math.min(followedTo, counts.length - 1)), 'what is needed, no more');
  const followed = await readTexts(log, 'followed', partition);
  assert.deepEqual(followed, counts.slice(counts.indexOf(followed[0] ?? ''), followedTo), 'none is left out');
}

it('kill -9 at random moments, read by others meanwhile, loses nothing that was acknowledged, and no half checkpoint', {
  timeout: 600_000,
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-kill-'));
  const rng = new Rng(20_240_601);
  const acknowledged = new Set<string>();
  try {
    for (let round = 0; round < rounds; round++) {
      // Every other one is killed without waiting for anybody: also while it is opened.
      const lines = await appendUntilKilled(dir, round, rng.int(400), round % 2 === 0 ? 0 : 3);
      for (const line of lines) acknowledged.add(line);
      const log = await openEmbeddedLog({ dir });
      try {
        const found = new Set<string>();
        for (const partition of [0, 1]) {
          const input = await readAll(log, { topic: 'in', partition });
          for (const record of input) {
            assert(!found.has(`${partition} ${record.value}`), 'no record is there twice');
            found.add(`${partition} ${record.value}`);
          }
          assert.deepEqual(
            input.map((record) => record.offset),
            input.map((_, index) => index),
            'offsets are dense',
          );
          assert.equal((await log.status('in'))[partition]?.endOffset, input.length);
          const included = (await log.committed('stage', { topic: 'in', partition })) ?? 0;
          assert.deepEqual(
            await readTexts(log, 'out', partition),
            input.slice(0, included).map((record) => record.value.toString()),
            'the outputs are those of the committed offset',
          );
          const state: string[] = [];
          for await (const { key, value } of log.state('stage', { topic: 'in', partition }))
            state.push(`${key} ${value}`);
          assert.deepEqual(state, included === 0 ? [] : [`count ${included}`], 'and so is the state');
          await checkCompacted(log, partition, included);
        }
        for (const line of acknowledged)
          assert(found.has(line), `${line} was acknowledged in or before round ${round}`);
      } finally {
        await log.close();
      }
    }
    assert(acknowledged.size > rounds, 'records were acknowledged');
    assert(readCount > rounds, 'the log was read beside its writer');
    t.diagnostic(`${acknowledged.size} records acknowledged; the log was read ${readCount} times meanwhile`);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
