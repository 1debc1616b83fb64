// What a newcomer meets: the commands in real processes, in a folder that is new.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { loadDeployment } from '../../app/config.js';
import { datasetNotes } from '../../app/dataset-notes.js';
import { buildHistories } from '../../app/history.js';
import type { Refused } from '../../app/refused.js';
import { replayProblem } from '../../app/replay-fit.js';
import { loadFactory } from '../../app/simulate/factory-config.js';
import { factoryDataset } from '../../app/simulate/simulate-factory.js';
import type { Dataset, DatasetRecord } from '../../domain/dataset.js';
import { openDataset } from '../../infra/files/open-dataset.js';

const program = resolve('dist/app/main.js');

function millwright(cwd: string, ...words: string[]) {
  return spawnSync(process.execPath, [program, ...words], { cwd, encoding: 'utf8' });
}

/** A folder with a plant of presses. */
function newPlant(t: TestContext, more = ''): string {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-plant-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const file of ['press.yaml', 'factory.yaml']) cpSync(`examples/simulated/${file}`, join(dir, file));
  writeFileSync(
    join(dir, 'millwright.yaml'),
    `machineTypes: [press.yaml]\nmachines: [{ match: "press-*", attributes: { maker: acme } }]\n${more}`,
  );
  return dir;
}

async function recordsOf(dataset: Dataset): Promise<DatasetRecord[]> {
  const records: DatasetRecord[] = [];
  for await (const record of dataset.records()) records.push(record);
  return records;
}

test('doctor finds nothing wrong with a plant that has not run yet, and leaves it as it was', (t) => {
  const dir = newPlant(t, 'mqtt: { kind: embedded, port: 0 }\nhttp: { port: 0 }\n');
  const before = readdirSync(dir);
  const { status, stdout } = millwright(dir, 'doctor', '--json');
  assert.equal(status, 0, stdout);
  const findings: { what: string; state: string; sentence: string }[] = JSON.parse(stdout).findings;
  assert.match(findings.find(({ what }) => what === 'log')?.sentence ?? '', /none yet/);
  assert.equal(findings.find(({ what }) => what === 'model press')?.state, 'warning');
  assert.deepEqual(readdirSync(dir), before);
});

test('a mistake with the data is a sentence that says what to do, exit code 2', (t) => {
  const dir = newPlant(t);
  writeFileSync(join(dir, 'readings.csv'), 'time,machine,vibration\n');
  for (const [words, wanted] of [
    [['train', '--data', 'readings.csv'], /holds the history itself: write a data-set file.*kind: csv/],
    [['train', '--data', 'nope.yaml'], /there is no data-set file nope\.yaml/],
    [['train', '--machines', 'press-1'], /--machines chooses from a data set: give --data too/],
    [['simulate', '--factory', 'factory.yaml'], /one of: --url .*--out .*--csv/],
    [['predict'], /name a machine \(millwright predict press-7\)/],
  ] as const) {
    const { status, stderr } = millwright(dir, ...words);
    assert.equal(status, 2, stderr);
    assert.match(stderr, wanted);
  }
});

test('simulate --csv writes the tables that a data-set file reads back as the true history', async (t) => {
  const dir = newPlant(t);
  const run = millwright(
    dir,
    ...[
      'simulate',
      '--factory',
      'factory.yaml',
      '--machines',
      '3',
      '--days',
      '40',
      '--csv',
      'history',
      '--json',
    ],
  );
  assert.equal(run.status, 0, run.stderr);
  const table = (file: string) => ({ file: `history/${file}`, timeFormat: 'iso' as const });
  const config = {
    kind: 'csv' as const,
    name: 'tables',
    readings: [{ ...defaults, ...table('readings.csv'), layout: 'wide' as const }],
    events: [{ ...defaults, ...table('events.csv'), event: 'event', code: 'code' }],
  };
  const factory = loadFactory(join(dir, 'factory.yaml'));
  const truth = await recordsOf(
    factoryDataset({ ...factory, config: { ...factory.config, machines: 3, days: 40 } }),
  );
  const read = await recordsOf(await openDataset(config, dir));
  const order = (a: DatasetRecord, b: DatasetRecord) =>
    a.timeMs - b.timeMs || a.machine.localeCompare(b.machine) || a.kind.localeCompare(b.kind);
  assert.ok(truth.length > 2500);
  assert.deepEqual(read.sort(order), truth.sort(order));
  const { readingRowCount, eventRowCount } = JSON.parse(run.stdout);
  assert.equal(readingRowCount + eventRowCount, truth.length);
});

const defaults = {
  time: 'time',
  machine: 'machine',
  machinePrefix: '',
  timeZone: 'UTC',
  shiftMs: 0,
  sensor: 'sensor',
  value: 'value',
  missing: [''],
};

test('what of a history is not taken is counted and told with its first example', async (t) => {
  const dir = newPlant(t);
  writeFileSync(
    join(dir, 'readings.csv'),
    [
      'time,machine,vib,temperature',
      ...Array.from({ length: 5 }, (_, day) => `2026-01-0${day + 1}T12:00:00Z,press-1,3,61`),
      'yesterday,press-1,3,61',
      '2026-01-05T13:00:00Z,pump-1,3,61',
    ].join('\n'),
  );
  writeFileSync(join(dir, 'machines.csv'), 'machine,make\npress-1,other\n');
  const deployment = loadDeployment(join(dir, 'millwright.yaml'), {});
  const dataset = await openDataset(
    {
      kind: 'csv',
      name: 'tables',
      readings: [{ ...defaults, file: 'readings.csv', timeFormat: 'iso', layout: 'wide' }],
      events: [],
      machines: {
        file: 'machines.csv',
        machine: 'machine',
        machinePrefix: '',
        attributes: { make: 'maker' },
      },
    },
    dir,
  );
  const notes = datasetNotes(dataset, deployment.directory);
  assert.equal(notes.length, 2);
  assert.match(notes[0] ?? '', /^1 row left out as bad-time, such as .*readings\.csv:7: "yesterday"/);
  assert.match(
    notes[1] ?? '',
    /the deployment, which has maker acme for press-1 where the data set has other/,
  );
  const refused: Refused[] = [];
  await buildHistories(deployment, dataset, undefined, { onRefused: (found) => refused.push(...found) });
  assert.deepEqual(
    refused.map(({ reason, count }) => [reason, count]),
    [
      ['unknown-sensor', 5],
      ['unknown-machine', 1],
    ],
  );
  assert.match(refused[0]?.first ?? '', /no sensor "vib"/);
});

test('a replay is refused where the plant could not take its topics, times or units', (t) => {
  const problemWith = (ingest: string): string | undefined => {
    const dir = newPlant(t, ingest);
    return replayProblem(loadDeployment(join(dir, 'millwright.yaml'), {}), 'factory/plant/plant/press-1');
  };
  assert.equal(problemWith(''), undefined);
  assert.match(
    problemWith('ingest: { topics: [{ template: "plant/{machine}" }] }') ?? '',
    /publishes readings to factory\/plant\/plant\/press-1, which no topic under ingest\.topics takes: add/,
  );
  assert.match(
    problemWith('ingest: { topics: [{ template: "factory/{site}/{line}/{machine}" }] }') ?? '',
    /publishes events to .*\/event, which no topic .* kind: events/,
  );
  assert.match(problemWith('ingest: { timeUnit: s }') ?? '', /writes "time" in ms, but .* has "time" in s/);
  assert.match(
    problemWith('ingest: { units: { temperature: degF } }') ?? '',
    /ingest\.units would convert temperature from degF/,
  );
});

test('the guide and the README name only commands and options that there are', () => {
  const help = new Map<string, string>();
  const helpOf = (file: string, ...command: string[]): string => {
    const name = command.join(' ');
    if (!help.has(name)) {
      const { status, stdout } = millwright('.', ...command, '--help');
      assert.equal(status, 0, `${file}: millwright ${name}`);
      help.set(name, stdout);
    }
    return help.get(name) as string;
  };
  for (const file of [
    'README.md',
    'docs/benchmarks.md',
    'docs/guide/commands.md',
    'docs/guide/your-own-machines.md',
  ])
    for (const [, command = '', rest = ''] of readFileSync(file, 'utf8').matchAll(
      /^(?:\$ )?(?:CMAPSS_DIR=\S+ )?(?:npx )?millwright ([a-z]+)(.*)$/gm,
    )) {
      const [, parts = ''] = helpOf(file, command).split('\nCommands:\n');
      const part = parts.match(/(?<=^ {2})[a-z-]+/gm)?.filter((name) => rest.split(' ')[1] === name) ?? [];
      const text = helpOf(file, command, ...part);
      for (const [option] of rest.matchAll(/(?<=\s)--?[a-z][a-z-]*/g))
        assert.ok(
          text.includes(option),
          `${file}: millwright ${[command, ...part].join(' ')} has no ${option}`,
        );
    }
  assert.ok(help.size >= 8, [...help.keys()].join(', '));
});
