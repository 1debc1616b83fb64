import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { WorldError } from '../../domain/errors.js';
import { Rng } from '../../domain/rng.js';
import { Spool } from '../../infra/influx/spool.js';

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-spool-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function open(
  dir: string,
  onProblem: (sentence: string) => void = (sentence) => assert.fail(sentence),
  bytesMax = 1e9,
) {
  return Spool.open({ dir, bytesMax, onProblem });
}

const frame = (text: string) => Buffer.from(text);

/** Takes everything off. */
async function takeAll(spool: Spool): Promise<string[]> {
  const found: string[] = [];
  for (let bytes = await spool.oldest(); bytes; bytes = await spool.oldest()) {
    found.push(Buffer.from(bytes).toString());
    await spool.remove();
  }
  return found;
}

function segmentIn(dir: string): string {
  const [name = ''] = readdirSync(dir);
  return join(dir, name);
}

describe('spool', () => {
  it('gives back what was put in, in order, and leaves nothing behind', async (t) => {
    const dir = folder(t);
    const spool = await open(dir);
    await spool.append([frame('a'), frame('b')]);
    await spool.append([frame('c')]);
    assert.equal(spool.bytes, 3 * 9);
    assert.deepEqual(await takeAll(spool), ['a', 'b', 'c']);
    assert.equal(spool.bytes, 0);
    assert.deepEqual(readdirSync(dir), []);
    await spool.append([frame('d')]);
    assert.deepEqual(await takeAll(spool), ['d']);
    await spool.close();
  });

  it('has everything after a start without a close, as after a crash', async (t) => {
    const dir = folder(t);
    const spool = await open(dir);
    await spool.append([frame('a')]);
    await spool.append([frame('b')]);
    assert.deepEqual(await takeAll(await open(dir)), ['a', 'b']);
    await spool.close();
  });

  it('cuts off a torn tail, wherever it is torn, keeps what is before it and goes on', async (t) => {
    const dir = folder(t);
    const spool = await open(dir);
    await spool.append([frame('whole'), frame('also whole')]);
    await spool.close();
    const segment = segmentIn(dir);
    const whole = readFileSync(segment);
    const third = 8 + 5 + 8 + 10;
    assert.equal(whole.length, third);
    for (let length = 8 + 5; length < third; length++) {
      writeFileSync(segment, whole);
      truncateSync(segment, length);
      const problems: string[] = [];
      const again = await open(dir, (sentence) => problems.push(sentence));
      assert.equal(problems.length, length === 8 + 5 ? 0 : 1, `${length} bytes`);
      await again.append([frame('new')]);
      assert.deepEqual(await takeAll(again), ['whole', 'new'], `${length} bytes`);
      await again.close();
      for (const name of readdirSync(dir)) rmSync(join(dir, name));
    }
  });

  it('does not take garbage or zeros at the end for frames', async (t) => {
    for (const garbage of [
      Buffer.alloc(4096),
      Buffer.alloc(64, 0xab),
      Buffer.from([3, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]),
    ]) {
      const dir = folder(t);
      const spool = await open(dir);
      await spool.append([frame('whole')]);
      await spool.close();
      appendFileSync(segmentIn(dir), garbage);
      const problems: string[] = [];
      assert.deepEqual(await takeAll(await open(dir, (sentence) => problems.push(sentence))), ['whole']);
      assert.match(problems[0] ?? '', /no whole frame/);
    }
  });

  it('skips a frame that the disk has changed, and says so', async (t) => {
    const dir = folder(t);
    const problems: string[] = [];
    const spool = await open(dir, (sentence) => problems.push(sentence));
    await spool.append([frame('first'), frame('second'), frame('third')]);
    const segment = segmentIn(dir);
    const bytes = readFileSync(segment);
    bytes[8 + 5 + 8] = 0;
    writeFileSync(segment, bytes);
    assert.deepEqual(await takeAll(spool), ['first', 'third']);
    assert.match(problems.join(), /is damaged at byte 13: 6 bytes/);
    await spool.close();
  });

  it('refuses what is more than it may hold, as a whole, and takes it when there is room', async (t) => {
    const spool = await open(folder(t), undefined, 100);
    await spool.append([Buffer.alloc(60)]);
    await assert.rejects(
      spool.append([Buffer.alloc(10), Buffer.alloc(20)]),
      (error) => error instanceof WorldError && error.code === 'disk-full' && error.retryable,
    );
    assert.equal(spool.frameCount, 1);
    await spool.remove();
    await spool.append([Buffer.alloc(10), Buffer.alloc(20)]);
    assert.equal(spool.frameCount, 2);
    await spool.close();
  });

  it('keeps order and content over segments, restarts, and takes between appends (seed 1)', async (t) => {
    const dir = folder(t);
    const rng = new Rng(1);
    let spool = await open(dir);
    let next = 0;
    let taken = 0;
    for (let round = 0; round < 300; round++) {
      const what = rng.uniform();
      if (what < 0.5) {
        const frames = Array.from({ length: 1 + rng.int(3) }, () => {
          const bytes = Buffer.alloc(4 + rng.int(400_000), next & 255);
          bytes.writeUInt32LE(next++);
          return bytes;
        });
        await spool.append(frames);
      } else if (what < 0.97) {
        const bytes = await spool.oldest();
        if (!bytes) continue;
        assert.equal(Buffer.from(bytes).readUInt32LE(), taken++);
        await spool.remove();
      } else {
        await spool.close();
        spool = await open(dir);
        // Of a segment that was not finished all frames come again.
        const first = await spool.oldest();
        if (first) taken = Buffer.from(first).readUInt32LE();
        else assert.equal(taken, next);
      }
    }
    for (let bytes = await spool.oldest(); bytes; bytes = await spool.oldest()) {
      assert.equal(Buffer.from(bytes).readUInt32LE(), taken++);
      await spool.remove();
    }
    assert.equal(taken, next);
    assert.deepEqual(readdirSync(dir), []);
    await spool.close();
  });
});
