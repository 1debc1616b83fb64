// `millwright rules` as a person meets it: in a process, in a folder with a plant.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';

function inPlant(t: TestContext, rule: string) {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-rules-'));
  t.after(() => rmSync(dir, { recursive: true }));
  cpSync('examples/simulated/press.yaml', join(dir, 'press.yaml'));
  writeFileSync(
    join(dir, 'millwright.yaml'),
    `machineTypes: [press.yaml]\nmachines: [{ match: "press-*" }]\nalerts: { rules: [${rule}] }\n`,
  );
  return {
    write: (file: string, text: string) => writeFileSync(join(dir, file), text),
    millwright: (...words: string[]) =>
      spawnSync(process.execPath, [resolve('dist/app/main.js'), ...words], { cwd: dir, encoding: 'utf8' }),
  };
}

const near =
  '{ name: near, condition: failure_probability(14d), severities: [{ name: warning, set: 0.3, reset: 0.2 }] }';

test('rules check lists what is in force, or says what does not fit, exit code 2', (t) => {
  const good = inPlant(t, near).millwright('rules', 'check', '--json');
  assert.equal(good.status, 0, good.stderr);
  const [rule] = JSON.parse(good.stdout).rules;
  assert.deepEqual(
    { ...rule, version: undefined },
    {
      name: 'near',
      types: ['press'],
      condition: 'failure_probability(14d)',
      severities: 'warning 0.3/0.2',
      version: undefined,
    },
  );
  const bad = inPlant(t, near.replace('14d', '99d')).millwright('rules', 'check');
  assert.equal(bad.status, 2);
  assert.match(bad.stderr, /failure_probability\(99d\) reaches beyond its forecasts/);
});

test("rules test tells stories to the deployment's rules: exit code 1, with what was said, when it was not wanted", (t) => {
  const plant = inPlant(t, near);
  plant.write(
    'stories.yaml',
    'stories:\n  - name: good\n    lines:\n      - 1 p 0.4: fired warning @1 0.4\n  - name: bad\n    lines:\n      - 1 p 0.4:\n',
  );
  const { status, stdout } = plant.millwright('rules', 'test', 'stories.yaml');
  assert.equal(
    stdout,
    'stories.yaml: bad\n  1 p 0.4\n    wanted: nothing\n    said:   fired warning @1 0.4\n2 stories: 1 as wanted, 1 not\n',
  );
  assert.equal(status, 1);
});

test('a story that cannot be read is told with its place, exit code 2', (t) => {
  const plant = inPlant(t, near);
  plant.write(
    'wrong.yaml',
    'alerts: { rules: [{ name: near, condition: failure_probabilty(14d), severities: [] }] }\nstories:\n  - name: x\n    lines:\n      - 1 p 0.4:\n',
  );
  const { status, stderr } = plant.millwright('rules', 'test', 'wrong.yaml');
  assert.equal(status, 2);
  assert.match(stderr, /wrong\.yaml:1:\d+: alerts\.rules\[0\]\.condition: .*column 1/);
  plant.write('words.yaml', 'stories:\n  - name: x\n    lines:\n      - 1 explodes now:\n');
  assert.match(plant.millwright('rules', 'test', 'words.yaml').stderr, /"now" is nothing that can happen/);
});
