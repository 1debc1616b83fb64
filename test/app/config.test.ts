// The deployment file as a whole, the generated documents, and the `config` command in a real process.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
  checkDeployment,
  configJsonSchema,
  configKinds,
  configSchemaOf,
  deploymentSchema,
  loadDeployment,
} from '../../app/config.js';
import { exampleFiles } from '../../app/config-docs.js';
import { formatProblem, loadYaml } from '../../app/config-file.js';
import { listOptions } from '../../app/config-options.js';
import { loadFactory } from '../../app/simulate/factory-config.js';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { datasetSchema } from '../../infra/files/dataset-config.js';

const pump =
  'name: pump\nsensors: [{ name: a }]\nattributes: [{ name: maker, values: [acme, other] }, { name: weight, unit: t }]\n';
const fan = 'name: fan\nsensors: [{ name: b }]\n';

function plant(t: TestContext, deployment: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-plant-'));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'types'));
  writeFileSync(join(dir, 'types/pump.yaml'), pump);
  writeFileSync(join(dir, 'types/fan.yaml'), fan);
  writeFileSync(join(dir, 'millwright.yaml'), deployment);
  return join(dir, 'millwright.yaml');
}

function problemsIn(file: string): string[] {
  const read = checkDeployment(file, {});
  return read.ok ? [] : read.problems.map((problem) => formatProblem(problem).replace(file, 'F'));
}

test('a deployment names its types and machines; paths are relative to the file; what is left out has its default', (t) => {
  const file = plant(
    t,
    'plant: { site: north }\nmachineTypes: [types/pump.yaml]\nmachines:\n  - { match: "p-*", attributes: { maker: acme } }\n',
  );
  const { config, types, directory } = loadDeployment(file, {});
  assert.deepEqual([...types.keys()], ['pump']);
  assert.equal(config.dataDir, resolve(file, '../.millwright'));
  assert.equal(config.model.dir, resolve(file, '../models'));
  assert.equal(config.mqtt.kind, 'embedded');
  assert.equal(config.mqtt.kind === 'embedded' && config.mqtt.port, 1883);
  assert.deepEqual(config.log, { kind: 'embedded', partitions: 4, retentionMs: 90 * 86_400_000 });
  // The only machine type there is need not be named.
  assert.deepEqual(directory.find('p-1'), {
    id: 'p-1',
    type: 'pump',
    site: 'north',
    line: '',
    attributes: { maker: 'acme' },
  });
  assert.equal(directory.find('q-1'), undefined);
  assert.throws(() => Object.assign(config.http, { port: 1 }), TypeError, 'the config is frozen');
  assert.throws(() => (config.machines as unknown[]).push(1), TypeError);
});

test('what does not fit between the files is told at its place', (t) => {
  const file = plant(
    t,
    [
      'machineTypes: [types/pump.yaml, types/fan.yaml]',
      'machines:',
      '  - { match: a, type: pmup }',
      '  - { match: b, type: pump, attributes: { maker: acne } }',
      '  - { match: c, type: pump, attributes: { makr: acme } }',
      '  - { match: w, type: pump, attributes: { weight: heavy } }',
      '  - { match: d }',
    ].join('\n'),
  );
  assert.deepEqual(problemsIn(file), [
    'F:3:23: machines[0].type: got "pmup", but no file in machineTypes has that name; did you mean `pump`?',
    'F:4:50: machines[1].attributes.maker: got "acne"; did you mean `acme`?',
    'F:5:49: machines[2].attributes.makr: machine type pump has no attribute "makr"; did you mean `maker`?',
    'F:6:51: machines[3].attributes.weight: got "heavy"; write a number, such as "12"',
  ]);
});

test('problems of all machine-type files are told, each with its own file', (t) => {
  const file = plant(t, 'machineTypes: [types/pump.yaml, types/fan.yaml]\nmachines: [{ match: "*" }]\n');
  writeFileSync(resolve(file, '../types/pump.yaml'), 'name: pump\nsensrs: []\n');
  writeFileSync(resolve(file, '../types/fan.yaml'), 'name: "a b"\nsensors: [{ name: b }]\n');
  const problems = problemsIn(file).join('\n');
  assert.match(problems, /pump\.yaml:2:1: sensrs: unknown key `sensrs`; did you mean `sensors`\?/);
  assert.match(problems, /pump\.yaml:1:1: sensors: is missing; write a list/);
  assert.match(problems, /fan\.yaml:1:7: name: got "a b"; use 1 to 64 letters/);
});

test('two types of one name, and half a client certificate', (t) => {
  const same = plant(t, 'machineTypes: [types/pump.yaml, types/pump.yaml]\nmachines: [{ match: "*" }]\n');
  assert.match(
    problemsIn(same)[0] ?? '',
    /^F:1:33: machineTypes\[1\]: .* is a machine type named pump, as is a file before/,
  );
  const half = plant(
    t,
    'machineTypes: [types/pump.yaml]\nmachines: [{ match: "*" }]\nmqtt: { kind: client, url: "mqtts://b:1", certFile: c.pem }\n',
  );
  assert.match(
    problemsIn(half)[0] ?? '',
    /^F:3:53: mqtt\.certFile: certFile and keyFile belong together; write both or neither/,
  );
});

for (const [file, make] of Object.entries(exampleFiles))
  test(`${file} is what the schemas say (else: node scripts/config-docs.mjs)`, () => {
    assert.equal(readFileSync(file, 'utf8'), make());
  });

test('the generated examples are valid and name every option', () => {
  assert.ok(loadDeployment('config.example.yaml', {}));
  assert.equal(loadYaml('examples/machine-type.example.yaml', machineTypeSchema, {}).name, 'pump');
  const texts = { deployment: 'config.example.yaml', 'machine-type': 'examples/machine-type.example.yaml' };
  for (const kind of ['deployment', 'machine-type'] as const) {
    const text = readFileSync(texts[kind], 'utf8');
    for (const option of listOptions(configSchemaOf(kind))) {
      const name = option.key.split('.').at(-1)?.replace('[]', '') ?? '';
      if (name !== '<name>') assert.match(text, new RegExp(`\\b${name}:`), option.key);
    }
  }
});

test('Sparkplug B beside what it cannot be with', (t) => {
  const problems = (mqtt: string) =>
    problemsIn(
      plant(
        t,
        `machineTypes: [types/pump.yaml]\nmachines: [{ match: "*" }]\ningest: { sparkplug: {} }\nmqtt: ${mqtt}\n`,
      ),
    );
  assert.deepEqual(problems('{ kind: client, url: "mqtt://b:1" }'), []);
  assert.match(
    problems('{ kind: embedded }').join(),
    /^F:3:22: ingest\.sparkplug: .* mqtt\.kind is "embedded"; set it to "client"/,
  );
  assert.match(
    problems('{ kind: client, url: "mqtt://b:1", sharedGroup: several }').join(),
    /^F:3:22: ingest\.sparkplug: .* shared subscription "several" .*; leave mqtt\.sharedGroup out/,
  );
});

/** The example with the groups that are commented out switched on: rules and what is in them, routes, all notifiers. */
function withListsOn(text: string): string {
  const uncomment = (block: string): string => block.replaceAll(/^( +)# /gm, '$1');
  return text
    .replaceAll(/^ {2}# (rules|routes):\n( {2}# {3}.*\n)+/gm, uncomment)
    .replaceAll(/^ {4}# - .*\n( {4}# {3}.*\n)+/gm, uncomment)
    .replaceAll(/^( +)# (sparkplug|flapping):\n(\1# {3}.*\n)+/gm, uncomment);
}

test('what holds without the file is what the example shows', () => {
  const {
    machineTypes: _types,
    machines: _machines,
    ...shown
  } = loadDeployment('config.example.yaml', {}).config;
  const { machineTypes, machines, ...defaults } = deploymentSchema.parse({
    machineTypes: ['a.yaml'],
    machines: [{ match: '*' }],
  });
  assert.ok(machineTypes.length + machines.length === 2);
  assert.deepEqual({ ...shown, dataDir: '', model: '' }, { ...defaults, dataDir: '', model: '' });
});

test('the example stays valid when every commented-out option is switched on', (t) => {
  // But for sharedGroup, which Sparkplug B cannot be with.
  const text = withListsOn(readFileSync('config.example.yaml', 'utf8'));
  const dir = mkdtempSync(join(tmpdir(), 'millwright-example-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const both = text
    .replaceAll(/^(mqtt|log|store):\n( .*\n)*# or\n/gm, '')
    .replaceAll(/^# ?((mqtt|log|store):| {2})/gm, '$1')
    .replaceAll(/^( +)# ([A-Za-z]+: [^ ].*)$/gm, (line, space: string, field: string) =>
      /^(type|site|line|username|password|caFile|certFile|keyFile|retentionMs|tokenUrl|set|reset):/.test(
        field,
      )
        ? `${space}${field}`
        : line,
    )
    .replace('tls: off', 'tls: on')
    .replace('sasl: none', 'sasl: oauthbearer')
    .replace('examples/simulated/press.yaml', resolve('examples/simulated/press.yaml'));
  writeFileSync(join(dir, 'all.yaml'), both);
  const { config } = loadDeployment(join(dir, 'all.yaml'), {
    MQTT_PASSWORD: 'x',
    INFLUX_PASSWORD: 'x',
    KAFKA_PASSWORD: 'x',
    SMTP_PASSWORD: 'x',
  });
  assert.equal(config.mqtt.kind, 'client');
  assert.equal(config.log.kind, 'kafka');
  assert.equal(config.store.kind, 'influx');
  assert.equal(config.machines[0]?.line, 'line-1');
  assert.deepEqual(
    config.alerts.notifiers.map(({ kind }) => kind),
    ['log', 'webhook', 'alertmanager', 'mqtt', 'email', 'kafka'],
  );
  assert.equal(config.alerts.rules?.[0]?.severities[0]?.set, 0.4);
  assert.equal(config.alerts.rules?.[0]?.flapping?.from, 0.3);
  assert.equal(config.ingest.sparkplug?.hostId, 'millwright');
  assert.deepEqual(config.alerts.routes?.[0]?.notifiers, ['log']);
});

test('every option is described, and the JSON Schema shows durations as they are written', () => {
  for (const kind of configKinds) {
    const undescribed = listOptions(configSchemaOf(kind))
      .filter((option) => option.description === '' && !option.key.endsWith('<name>'))
      .map((option) => option.key);
    assert.deepEqual(undescribed, [], kind);
  }
  const text = JSON.stringify(configJsonSchema('deployment'));
  assert.match(text, /"default":"90d"/);
  assert.match(JSON.stringify(configJsonSchema('machine-type')), /"required":\["name","sensors"\]/);
});

test('all shipped files are good', () => {
  for (const file of ['demo', 'simulated', 'cmapss'].map((name) => `examples/${name}/millwright.yaml`))
    assert.ok(loadDeployment(file, {}).types.size > 0, file);
  assert.ok(loadFactory('examples/simulated/factory.yaml', {}));
  for (const file of ['demo/train', 'cmapss/train', 'cmapss/test'])
    assert.equal(loadYaml(`examples/${file}.yaml`, datasetSchema, {}).kind, 'cmapss', file);
  const turbofan = loadYaml('data/cmapss/turbofan.yaml', machineTypeSchema, {});
  assert.equal(turbofan.sensors.length, 24);
  assert.equal(turbofan.sensors.filter((sensor) => sensor.setting).length, 3);
  assert.ok(readdirSync('data/cmapss').includes('train_FD001.txt.gz'));
});

function runConfig(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const url = pathToFileURL(resolve('dist/app/commands/config.js')).href;
  const program = `const { configCommand } = await import(${JSON.stringify(url)}); await configCommand().parseAsync(process.argv.slice(1), { from: 'user' });`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', program, '--', ...words], {
    encoding: 'utf8',
  });
}

test('config check: 0 and a summary, or 2 and every problem; --json for both', (t) => {
  const good = runConfig('check', 'examples/simulated/millwright.yaml');
  assert.equal(good.status, 0, good.stderr);
  assert.match(good.stdout, /is good: machine types press \(5 sensors\); 1 machine entry; MQTT embedded/);
  const type = runConfig('check', 'data/cmapss/turbofan.yaml', '--json');
  assert.deepEqual(
    { status: type.status, ...JSON.parse(type.stdout) },
    { status: 0, ok: true, file: 'data/cmapss/turbofan.yaml', kind: 'machine-type', problems: [] },
  );
  assert.match(
    runConfig('check', 'examples/demo/train.yaml').stdout,
    /is good: a data set of kind cmapss\n$/,
  );
  assert.match(
    runConfig('check', 'examples/simulated/factory.yaml').stdout,
    /is good: a simulated factory of 20 machines of type press, 180 d\n$/,
  );
  const file = plant(t, 'machineTypes: [types/pump.yaml]\nmachnies: []\n');
  const bad = runConfig('check', file, '--json');
  assert.equal(bad.status, 2);
  const { ok, problems } = JSON.parse(bad.stdout);
  assert.equal(ok, false);
  assert.deepEqual(
    problems.map(({ line, path }: { line: number; path: string }) => [line, path]),
    [
      [1, 'machines'],
      [2, 'machnies'],
    ],
  );
  const plain = runConfig('check', file);
  assert.equal(plain.status, 2);
  assert.match(
    plain.stdout,
    /millwright\.yaml:2:1: machnies: unknown key `machnies`; did you mean `machines`\?\n2 problems\n$/,
  );
});

test('config schema prints a JSON Schema; a wrong word lists the right ones', () => {
  const schema = runConfig('schema', 'machine-type');
  assert.equal(JSON.parse(schema.stdout).title, 'Millwright machine-type');
  const wrong = runConfig('schema', 'rules');
  assert.notEqual(wrong.status, 0);
  assert.match(wrong.stderr, /deployment, machine-type/);
});
