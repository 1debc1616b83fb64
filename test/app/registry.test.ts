// Which version is in use, which was before, and what is kept: folders without networks in them, which are all that this needs.
import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadDeployment } from '../../app/config.js';
import { currentVersionFolder, setCurrentVersion } from '../../app/model-folder.js';
import { appendAudit, readAudit } from '../../app/registry/audit-log.js';
import { noteRules } from '../../app/registry/note-rules.js';
import { type KeptVersions, Registry } from '../../app/registry/registry.js';
import { SetClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';

const author = { by: 'kim', via: 'test', why: 'because' };
const many: KeptVersions = { retired: 100, candidates: 100 };

function setUp(t: TestContext, keep = many) {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-registry-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const clock = new SetClock(1000);
  const registry = new Registry(dir, keep, clock);
  const write = async (...versions: string[]) => {
    for (const version of versions) mkdirSync(join(dir, 'press', version), { recursive: true });
    await registry.added('press', versions, author);
  };
  return {
    dir,
    registry,
    write,
    promote: (version: string) => registry.takeIntoUse('press', version, author),
    rollback: async () => {
      const before = await registry.predecessor('press', 'failures');
      await registry.takeIntoUse('press', before, author, 'rollback');
      return before;
    },
    states: async () =>
      Object.fromEntries((await registry.list('press')).map(({ version, state }) => [version, state])),
    inUse: async (kind?: 'values') => basename((await currentVersionFolder(dir, 'press', kind)) ?? ''),
  };
}

test('a version is a candidate, champion, and retired when another takes its place; values have a champion of their own', async (t) => {
  const { registry, write, promote, states, inUse } = setUp(t);
  await write('a-1', 'b-1', 'c-1', 'values-lstm-1');
  assert.deepEqual(await states(), {
    'a-1': 'candidate',
    'b-1': 'candidate',
    'c-1': 'candidate',
    'values-lstm-1': 'candidate',
  });
  await promote('a-1');
  await promote('values-lstm-1');
  assert.equal(await promote('b-1'), 'a-1');
  await registry.refused('press', 'c-1', author);
  assert.deepEqual(await states(), {
    'a-1': 'retired',
    'b-1': 'champion',
    'c-1': 'candidate',
    'values-lstm-1': 'champion',
  });
  assert.deepEqual([await inUse(), await inUse('values')], ['b-1', 'values-lstm-1']);
  // Training again gave the same network: it is what it was.
  await write('a-1');
  assert.equal((await states())['a-1'], 'retired');
  await assert.rejects(registry.retire('press', 'b-1', author), /b-1 is in use for press: promote another/);
  await registry.retire('press', 'c-1', author);
  assert.equal((await states())['c-1'], 'retired');
  await assert.rejects(registry.find(['press'], 'a-2'), (error) => {
    assert(error instanceof UserError);
    assert.match(error.message, /no version "a-2" in .*did you mean `a-1`/);
    return true;
  });
});

test('every rollback goes one further back, a promotion begins anew', async (t) => {
  const { write, promote, rollback, inUse } = setUp(t);
  await assert.rejects(rollback(), /no version is in use for press/);
  await write('a-1', 'b-1', 'c-1');
  for (const version of ['a-1', 'b-1', 'c-1']) await promote(version);
  assert.equal(await rollback(), 'b-1');
  assert.equal(await rollback(), 'a-1');
  await assert.rejects(rollback(), /knows no version that was in use for press before a-1: name one/);
  assert.equal(await inUse(), 'a-1');
  await promote('c-1');
  assert.equal(await rollback(), 'a-1');
});

test('a version put into `current` by hand is in use, and rolls back to the last one on record', async (t) => {
  const { dir, write, promote, rollback, states } = setUp(t);
  await write('a-1', 'b-1');
  await promote('a-1');
  mkdirSync(join(dir, 'press', 'own-1'));
  await setCurrentVersion(dir, 'press', 'own-1');
  assert.deepEqual(await states(), { 'a-1': 'candidate', 'b-1': 'candidate', 'own-1': 'champion' });
  assert.equal(await rollback(), 'a-1');
  rmSync(join(dir, 'press', 'own-1'), { recursive: true });
  await assert.rejects(rollback(), /knows no version/);
});

test('a crash after the note and before the pointer leaves the old version in use, and its rollback right', async (t) => {
  const { dir, write, promote, rollback, states } = setUp(t);
  await write('a-1', 'b-1', 'c-1');
  await promote('a-1');
  await promote('b-1');
  const entry = { ...author, timeMs: 2000, type: 'press', version: 'c-1', before: 'b-1' };
  await appendAudit(dir, { ...entry, action: 'promote' });
  assert.deepEqual(await states(), { 'a-1': 'retired', 'b-1': 'champion', 'c-1': 'candidate' });
  assert.equal(await rollback(), 'a-1');
});

test('a line that a crash or a hand has spoiled is passed over, and what comes after it is not lost', async (t) => {
  const { dir, write, promote, states } = setUp(t);
  await write('a-1');
  const file = join(dir, 'audit.jsonl');
  appendFileSync(file, 'not one of ours\n{"timeMs":1,"action":"pro');
  await promote('a-1');
  const { entries, damagedLines } = await readAudit(dir);
  assert.deepEqual(damagedLines, [2, 3]);
  assert.deepEqual(
    entries.map(({ action, by, timeMs }) => [action, by, timeMs]),
    [
      ['add', 'kim', 1000],
      ['promote', 'kim', 1000],
    ],
  );
  assert.equal(readFileSync(file, 'utf8').at(-1), '\n');
  assert.deepEqual(await states(), { 'a-1': 'champion' });
});

test('of what is too much the oldest is deleted, never what is in use, was before it, or is not known', async (t) => {
  const { dir, registry, write, promote, rollback, states } = setUp(t, { retired: 1, candidates: 2 });
  mkdirSync(join(dir, 'press', 'old-1'), { recursive: true });
  mkdirSync(join(dir, 'press', '.training'));
  for (const version of ['a-1', 'b-1', 'c-1', 'd-1', 'e-1']) {
    await write(version);
    await promote(version);
  }
  // d-1 was before e-1; c-1 is the one retired version kept.
  assert.deepEqual(await states(), {
    'c-1': 'retired',
    'd-1': 'retired',
    'e-1': 'champion',
    'old-1': 'candidate',
  });
  await write('f-1', 'g-1', 'h-1');
  assert.deepEqual(Object.keys(await states()).sort(), ['c-1', 'd-1', 'e-1', 'g-1', 'h-1', 'old-1']);
  const removed = (await readAudit(dir)).entries.filter(({ action }) => action === 'remove');
  assert.deepEqual(
    removed.map((entry) => entry.action === 'remove' && entry.version),
    ['a-1', 'b-1', 'f-1'],
  );
  assert.match(removed[0]?.why ?? '', /more than 1 versions of press are retired \(model\.keep\)/);
  assert(existsSync(join(dir, 'press', '.training')));

  assert.equal(await rollback(), 'd-1');
  assert.equal((await states())['e-1'], 'retired');
  // Written again, it is a candidate as any other.
  await write('a-1');
  assert.equal((await states())['a-1'], 'candidate');
  // What is gone cannot be gone back to.
  await promote('h-1');
  rmSync(join(dir, 'press', 'd-1'), { recursive: true });
  await assert.rejects(
    registry.predecessor('press', 'failures'),
    /d-1, in use for press before h-1, is no longer in .*press: restore it/,
  );
});

test('a version in the shadow is kept until it is promoted, retired, or another takes its place', async (t) => {
  const { dir, registry, write, promote, states } = setUp(t, { retired: 0, candidates: 1 });
  const shadow = (version: string) => registry.shadow('press', version, author);
  await write('a-1');
  await assert.rejects(shadow('a-1'), /no version is in use for press: there is nothing to be compared with/);
  await promote('a-1');
  await write('values-lstm-1');
  await assert.rejects(promote('z-1'), /there is no version "z-1" in .*press: it may have been deleted/);
  await assert.rejects(shadow('a-1'), /a-1 is in use for press: name one that is to be compared with it/);
  await assert.rejects(shadow('values-lstm-1'), /forecasts values: only networks for failures/);
  await assert.rejects(
    registry.contenders('press'),
    /no version scores in the shadow of press: name one first/,
  );
  await write('b-1');
  await shadow('b-1');
  await write('c-1', 'd-1');
  assert.deepEqual(await states(), { 'a-1': 'champion', 'b-1': 'shadow', 'd-1': 'candidate' });
  assert.deepEqual(await registry.contenders('press'), { champion: 'a-1', shadow: 'b-1' });
  await promote('b-1');
  assert.deepEqual(await states(), { 'a-1': 'retired', 'b-1': 'champion', 'd-1': 'candidate' });
  await shadow('d-1');
  assert.equal((await states())['d-1'], 'shadow');
  await registry.retire('press', 'd-1', author);
  await assert.rejects(registry.contenders('press'), /no version scores in the shadow/);
  assert(!existsSync(join(dir, 'press', 'd-1')), 'no retired version is to be kept');
});

test('changes at the same time come one after the other: each knows what the one before it has done', async (t) => {
  const { dir, write, promote, inUse } = setUp(t);
  const versions = Array.from({ length: 8 }, (_, index) => `v-${index}`);
  await write(...versions);
  await Promise.all(versions.map((version) => promote(version)));
  const uses = (await readAudit(dir)).entries.flatMap((entry) => (entry.action === 'promote' ? [entry] : []));
  assert.equal(uses.length, versions.length);
  uses.forEach(({ before }, index) => {
    assert.equal(before, uses[index - 1]?.version ?? null);
  });
  assert.equal(await inUse(), uses.at(-1)?.version);
});

test('alert rules and their thresholds are noted when they are not those of before, with what differs', async (t) => {
  const { dir } = setUp(t);
  writeFileSync(
    join(dir, 'pump.yaml'),
    'name: pump\nsensors: [{ name: vib }]\nstep: { kind: fixed, durationMs: 1h }\n',
  );
  const withThreshold = (set: number) => {
    const file = join(dir, 'millwright.yaml');
    writeFileSync(
      file,
      `machineTypes: [pump.yaml]
machines: [{ match: "*" }]
model: { dir: . }
alerts:
  rules:
    - name: soon
      condition: failure_probability(5h)
      severities: [{ name: warning, set: ${set}, reset: 0.1 }]
`,
    );
    return noteRules(loadDeployment(file), new SetClock(5));
  };
  const first = await withThreshold(0.4);
  assert.match(first?.changes.join() ?? '', /^now: soon for pump: .*warning 0\.4\/0\.1/);
  assert.equal(await withThreshold(0.4), undefined);
  const changed = await withThreshold(0.5);
  assert.match(changed?.changes[0] ?? '', /^no more: soon for pump: .*0\.4\/0\.1/);
  assert.match(changed?.changes[1] ?? '', /^now: soon for pump: .*0\.5\/0\.1/);
  assert.notEqual(changed?.hash, first?.hash);
  const { entries, damagedLines } = await readAudit(dir);
  assert.deepEqual([entries.length, damagedLines.length], [2, 0]);
});
