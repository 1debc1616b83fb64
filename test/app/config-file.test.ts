// What a person sees when a configuration file is wrong: place, path, value, and what to write instead.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { z } from 'zod';
import { type Environment, formatProblem, loadYaml, parseYaml } from '../../app/config-file.js';
import { didYouMean } from '../../app/config-suggestion.js';
import { durationMs } from '../../domain/duration.js';
import { UserError } from '../../domain/errors.js';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { Secret, secretSchema } from '../../domain/secret.js';

const schema = z.strictObject({
  port: z.number().int().min(1).max(65_535).default(1883).describe('Port to listen on.'),
  enabled: z.boolean().default(true),
  waitMs: durationMs.default(1000),
  level: z.enum(['low', 'high']).default('low'),
  password: secretSchema.optional().describe('Password of the broker.'),
  names: z.array(z.string().min(1)).default([]),
  where: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('embedded'), depth: z.number().default(1) }),
      z.strictObject({ kind: z.literal('client'), url: z.string() }),
    ])
    .default({ kind: 'embedded', depth: 1 }),
});

function problemsOf(text: string, environment: Environment = {}): string[] {
  const read = parseYaml(text, 'plant.yaml', schema, environment);
  return read.ok ? [] : read.problems.map(formatProblem);
}

const cases: readonly [name: string, text: string, expected: readonly (string | RegExp)[]][] = [
  ['a good file', 'port: 1884\nwaitMs: 30s\n', []],
  ['an empty file takes the defaults only where the schema allows it', '{}', []],
  ['a misspelled key', 'prot: 1\n', ['plant.yaml:1:1: prot: unknown key `prot`; did you mean `port`?']],
  [
    'a key without its unit',
    'wait: 1s\n',
    ['plant.yaml:1:1: wait: unknown key `wait`; did you mean `waitMs`?'],
  ],
  [
    'an unknown key that is like nothing',
    'zebra: 1\n',
    [/^plant\.yaml:1:1: zebra: unknown key `zebra`; write one of `port`, `enabled`, /],
  ],
  [
    'a key of another choice',
    'where:\n  kind: embedded\n  dpeth: 2\n',
    ['plant.yaml:3:3: where.dpeth: unknown key `dpeth`; did you mean `depth`?'],
  ],
  [
    'a wrong type, with what the field is for',
    'port: many\n',
    ['plant.yaml:1:7: port: got "many"; write a number (Port to listen on)'],
  ],
  ['a number out of bounds', 'port: 70000\n', [/^plant\.yaml:1:7: port: got 70000; write at most 65535/]],
  ['a word not in the list', 'level: hihg\n', ['plant.yaml:1:8: level: got "hihg"; did you mean `high`?']],
  [
    'a bad duration',
    'waitMs: 5 minutes\n',
    [/^plant\.yaml:1:9: waitMs: got "5 minutes"; write a number and a unit of ms, s, m, h or d/],
  ],
  [
    'a bad choice',
    'where: { kind: cleint }\n',
    [/^plant\.yaml:1:16: where\.kind: got "cleint"; did you mean `client`\?/],
  ],
  ['a missing key', 'where:\n  kind: client\n', ['plant.yaml:2:3: where.url: is missing; write text']],
  [
    'a place in a list',
    'names: [a, "", c]\n',
    [/^plant\.yaml:1:12: names\[1\]: got ""; write at least 1 characters/],
  ],
  [
    'all problems at once, in the order of the file',
    'level: 3\nport: 0\nbogus: 1\n',
    [/^plant\.yaml:1:8: level/, /^plant\.yaml:2:7: port/, /^plant\.yaml:3:1: bogus/],
  ],
  ['broken YAML', 'port: [1\n', [/^plant\.yaml:2:1: not valid YAML: /]],
  [
    'a key written twice',
    'port: 1\nport: 2\n',
    [/^plant\.yaml:2:1: not valid YAML: Map keys must be unique/],
  ],
  ['an empty file', '', [/^plant\.yaml:1:1: got null; write a group of keys/]],
];

for (const [name, text, expected] of cases)
  test(`config file: ${name}`, () => {
    const problems = problemsOf(text);
    assert.equal(problems.length, expected.length, problems.join('\n'));
    expected.forEach((want, index) => {
      if (typeof want === 'string') assert.equal(problems[index], want);
      else assert.match(problems[index] ?? '', want);
    });
  });

test('the environment fills in text, numbers and switches, with defaults and escapes', () => {
  const text = `port: \${PORT}\nenabled: \${ON:-false}\nnames: ["\${A}-\${B:-b}", "$\${A}", "5$"]\n`;
  const read = parseYaml(text, 'plant.yaml', schema, { PORT: '9', A: 'a', B: '' });
  assert.ok(read.ok, JSON.stringify(read));
  assert.equal(read.value.port, 9);
  assert.equal(read.value.enabled, false);
  assert.deepEqual(read.value.names, ['a-b', `\${A}`, '5$']);
});

test('a missing variable is named with its place', () => {
  assert.deepEqual(problemsOf(`port: 1\npassword: "\${MQTT_PASSWORD}"\n`), [
    `plant.yaml:2:11: the environment has no variable MQTT_PASSWORD; set it, or write \${MQTT_PASSWORD:-default}`,
  ]);
});

test('secrets show in no message, no log and no JSON', () => {
  const secret = 'hunter2hunter2';
  const read = parseYaml(`password: "\${P}"\n`, 'plant.yaml', schema, { P: secret });
  assert.ok(read.ok);
  const { password } = read.value;
  assert.ok(password instanceof Secret);
  assert.equal(password.reveal(), secret);
  for (const shown of [inspect(read.value, { depth: 9 }), JSON.stringify(read.value), `${password}`])
    assert.ok(shown.includes('[redacted]') && !shown.includes(secret), shown);
  const wrong = problemsOf(`password: [${secret}]\nport: "\${P}"\n`, { P: secret });
  assert.equal(wrong.length, 2);
  assert.ok(!wrong.join('\n').includes(secret), wrong.join('\n'));
});

test('cross-field rules and the rules of a machine type keep their places', () => {
  const text =
    'name: pump\nsensors:\n  - { name: a, min: 5, max: 1 }\n  - { name: a, unti: bar }\nstep: { kind: calendar-day, timeZone: Mars/Base }\n';
  const read = parseYaml(text, 'pump.yaml', machineTypeSchema, {});
  assert.ok(!read.ok);
  assert.deepEqual(
    read.problems.map((problem) => [problem.line, problem.path]),
    [
      [3, 'sensors[0].min'],
      [4, 'sensors[1].name'],
      [4, 'sensors[1].unti'],
      [5, 'step.timeZone'],
    ],
  );
  assert.match(read.problems[2]?.message ?? '', /did you mean `unit`/);
  assert.match(read.problems[3]?.message ?? '', /got "Mars\/Base"; is not an IANA time zone/);
});

test('a file that is not there, or a folder, is a sentence', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-config-'));
  t.after(() => rmSync(dir, { recursive: true }));
  assert.throws(
    () => loadYaml(join(dir, 'gone.yaml'), schema),
    /cannot read .*gone\.yaml: there is no such file/,
  );
  assert.throws(() => loadYaml(dir, schema), /it is a folder/);
  writeFileSync(join(dir, 'x.yaml'), 'prot: 1\nlevle: low\n');
  assert.throws(
    () => loadYaml(join(dir, 'x.yaml'), schema),
    (error) =>
      error instanceof UserError &&
      error.exitCode === 2 &&
      /has 2 problems:\n.*prot.*\n.*levle/.test(error.message),
  );
});

test('an alias bomb is refused, not expanded', () => {
  const bomb = Array.from(
    { length: 12 },
    (_, i) => `a${i + 1}: &a${i + 1} [${'*a'.concat(String(i), ', ').repeat(9)}]`,
  );
  const problems = problemsOf(`a0: &a0 [x]\n${bomb.join('\n')}\n`);
  assert.match(problems[0] ?? '', /not usable YAML/);
});

test('property: whatever text a file holds, it is read or its problems have places inside it (1,000 files)', () => {
  const scrap = fc.constantFrom(
    'port',
    ':',
    ' ',
    '\n',
    '-',
    '[',
    ']',
    '{',
    '}',
    '1',
    '"',
    '&a',
    '*a',
    `\${X}`,
    '#',
    'where',
    'kind',
    'é',
    '\t',
    '!!int',
    '|',
  );
  fc.assert(
    fc.property(fc.array(scrap, { maxLength: 30 }), (parts) => {
      const text = parts.join('');
      const read = parseYaml(text, 'f.yaml', schema, {});
      if (read.ok) return;
      assert.ok(read.problems.length > 0);
      const lines = text.split('\n').length;
      for (const problem of read.problems)
        assert.ok(problem.line >= 1 && problem.line <= lines && problem.column >= 1);
    }),
    { numRuns: 1000 },
  );
});

test('did you mean: near words, swapped letters, missing units; nothing for what is far', () => {
  const known = ['sensors', 'retentionMs', 'http', 'maxWaitMs'];
  assert.equal(didYouMean('sensrs', known), 'sensors');
  assert.equal(didYouMean('snesors', known), 'sensors');
  assert.equal(didYouMean('Sensors', known), 'sensors');
  assert.equal(didYouMean('retention', known), 'retentionMs');
  assert.equal(didYouMean('htpt', known), 'http');
  assert.equal(didYouMean('banana', known), undefined);
  assert.equal(didYouMean('x', known), undefined);
});
