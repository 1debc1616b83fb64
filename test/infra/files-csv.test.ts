// The CSV and JSON-lines readers: mappings, order, what is skipped and why, and a real data set by mapping alone.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { Dataset, DatasetRecord } from '../../domain/dataset.js';
import { datasetSchema } from '../../infra/files/dataset-config.js';
import { openDataset } from '../../infra/files/open-dataset.js';
import { parseTimeMs } from '../../infra/files/parse-time.js';

function folder(t: TestContext, files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-csv-'));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

const open = (config: unknown, dir: string): Promise<Dataset> =>
  openDataset(datasetSchema.parse(config), dir);

async function collect(dataset: Dataset): Promise<DatasetRecord[]> {
  const list: DatasetRecord[] = [];
  for await (const record of dataset.records()) list.push(record);
  return list;
}

test('wide tables of many machines come out in time order, events after readings of the same time', async (t) => {
  const dir = folder(t, {
    'r.csv':
      '\uFEFFtime,machine,vibration,temperature\n' +
      '2026-01-02T00:00:00Z,m10,2,\n2026-01-01T00:00:00Z,m10,1,60\n2026-01-01 00:00,m2,3,NA\n',
    'e.csv':
      'time,machine,event,code\n2026-01-01T00:00:00Z,m2,error,E1\n2026-01-03T00:00:00Z,m10,failure,seal\n',
  });
  const dataset = await open(
    { kind: 'csv', readings: [{ file: 'r.csv' }], events: [{ file: 'e.csv' }] },
    dir,
  );
  const day = (n: number): number => Date.UTC(2026, 0, n);
  assert.deepEqual(await collect(dataset), [
    { kind: 'readings', machine: 'm2', timeMs: day(1), values: { vibration: 3 } },
    { kind: 'readings', machine: 'm10', timeMs: day(1), values: { vibration: 1, temperature: 60 } },
    { kind: 'event', machine: 'm2', timeMs: day(1), event: 'error', code: 'E1' },
    { kind: 'readings', machine: 'm10', timeMs: day(2), values: { vibration: 2 } },
    { kind: 'event', machine: 'm10', timeMs: day(3), event: 'failure', code: 'seal' },
  ]);
  assert.deepEqual(dataset.machines, [
    { machine: 'm2', attributes: {}, firstMs: day(1), lastMs: day(1), knownUntilMs: day(1), failuresMs: [] },
    {
      machine: 'm10',
      attributes: {},
      firstMs: day(1),
      lastMs: day(3),
      knownUntilMs: day(3),
      failuresMs: [day(3)],
    },
  ]);
  assert.deepEqual(await collect(dataset), await collect(dataset), 'records can be read again');
});

test('two components that fail at once are two events and one failure of the machine', async (t) => {
  const dir = folder(t, {
    'r.csv': 'time,machine,vibration\n2026-01-01T00:00:00Z,m,1\n2026-01-04T00:00:00Z,m,1\n',
    'e.csv':
      'time,machine,event,code\n2026-01-02T00:00:00Z,m,failure,seal\n2026-01-02T00:00:00Z,m,failure,rotor\n',
  });
  const dataset = await open(
    { kind: 'csv', readings: [{ file: 'r.csv' }], events: [{ file: 'e.csv' }] },
    dir,
  );
  assert.equal((await collect(dataset)).filter(({ kind }) => kind === 'event').length, 2);
  assert.deepEqual(dataset.machines[0]?.failuresMs, [Date.UTC(2026, 0, 2)]);
});

test('feedback names its alert, and is no part of the record of its machine', async (t) => {
  const dir = folder(t, {
    'r.csv': 'time,machine,vibration\n2026-01-01T00:00:00Z,m,1\n2026-01-04T00:00:00Z,m,1\n',
    'e.csv':
      'time,machine,event,code,alert,found\n2026-01-04T12:00:00Z,m,failure,seal,,\n' +
      '2026-03-01T00:00:00Z,m,feedback,true,near/m/1,BRG-2\n2026-03-01T00:00:00Z,unheard-of,feedback,true,,\n',
    'all.jsonl':
      '{"time":"2026-01-01T00:00:00Z","machine":"m","values":{"vibration":1}}\n' +
      '{"time":"2026-01-04T00:00:00Z","machine":"m","values":{"vibration":1}}\n' +
      '{"time":"2026-01-04T12:00:00Z","machine":"m","event":"failure","code":"seal"}\n' +
      '{"time":"2026-03-01T00:00:00Z","machine":"m","event":"feedback","code":"true","alert":"near/m/1","fault":"BRG-2"}\n',
  });
  const events = [{ file: 'e.csv', alert: 'alert', fault: 'found' }];
  const lastMs = Date.UTC(2026, 0, 4, 12);
  for (const dataset of [
    await open({ kind: 'csv', readings: [{ file: 'r.csv' }], events }, dir),
    await open({ kind: 'json-lines', files: ['all.jsonl'] }, dir),
  ]) {
    const feedback = (await collect(dataset)).find(
      (record) => record.kind === 'event' && record.event === 'feedback',
    );
    assert.deepEqual(feedback, {
      ...{ kind: 'event', machine: 'm', timeMs: Date.UTC(2026, 2, 1), event: 'feedback', code: 'true' },
      ...{ alert: 'near/m/1', fault: 'BRG-2' },
    });
    assert.deepEqual(
      dataset.machines.map((each) => [each.machine, each.lastMs, each.knownUntilMs, each.failuresMs]),
      [['m', lastMs, lastMs, [lastMs]]],
    );
  }
});

test('a long table gives the same records as the wide one', async (t) => {
  const dir = folder(t, {
    'wide.csv': 'time;machine;a;b\n1000;m;1;2\n2000;m;3;\n',
    'long.csv': 'time;machine;sensor;value\n1000;m;a;1\n2000;m;a;3\n1000;m;b;2\n',
  });
  const wide = await open({ kind: 'csv', readings: [{ file: 'wide.csv', timeFormat: 'ms' }] }, dir);
  const long = await open(
    { kind: 'csv', readings: [{ file: 'long.csv', timeFormat: 'ms', layout: 'long' }] },
    dir,
  );
  assert.deepEqual(await collect(long), await collect(wide));
  assert.equal((await collect(wide)).length, 2);
});

test('rows that cannot be used are counted with a reason and the first example', async (t) => {
  const dir = folder(t, {
    'r.csv':
      'time,machine,a\n2026-02-30,m,1\n2026-02-01,,1\n2026-02-01,m,abc\n2026-02-01,m,1e400\n2026-02-01,m,7\n',
    'e.csv': 'time,machine,event\n2026-02-01,m,exploded\n',
  });
  const dataset = await open(
    { kind: 'csv', readings: [{ file: 'r.csv' }], events: [{ file: 'e.csv', code: '' }] },
    dir,
  );
  assert.equal((await collect(dataset)).length, 1);
  const counts = Object.fromEntries(dataset.skipped.map(({ reason, count }) => [reason, count]));
  assert.deepEqual(counts, {
    'bad-time': 1,
    'bad-machine': 1,
    'bad-value': 2,
    'no-value': 2,
    'bad-event': 1,
  });
  assert.match(dataset.skipped[0]?.first ?? '', /r\.csv:2: "2026-02-30" is not a time/);
});

test('a wrong mapping names the column and what there is', async (t) => {
  const dir = folder(t, { 'r.csv': 'datetime,machineID,volt\n2026-02-01,1,1\n' });
  await assert.rejects(
    open({ kind: 'csv', readings: [{ file: 'r.csv' }] }, dir),
    /has no column "time"; its columns are datetime, machineID, volt/,
  );
  await assert.rejects(
    open({ kind: 'csv', readings: [{ file: 'gone.csv' }] }, dir),
    /there is no file .*gone\.csv/,
  );
});

test('JSON lines give readings and events; bad lines are counted', async (t) => {
  const dir = folder(t, {
    'h.jsonl': [
      '{"time":"2026-01-01T12:00:00Z","machine":"p","values":{"a":1,"b":null}}',
      '{"time":"2026-01-02T12:00:00Z","machine":"p","event":"failure","code":"seal"}',
      'not json',
      '{"machine":"p","values":{"a":1}}',
      '{"time":"yesterday","machine":"p","values":{"a":1}}',
      '{"time":"2026-01-02T12:00:00Z","machine":"p"}',
    ].join('\n'),
  });
  const dataset = await open({ kind: 'json-lines', files: ['h.jsonl'] }, dir);
  assert.deepEqual(
    (await collect(dataset)).map((record) => (record.kind === 'readings' ? record.values : record.event)),
    [{ a: 1 }, 'failure'],
  );
  assert.deepEqual(
    dataset.skipped.map(({ reason, count }) => [reason, count]),
    [
      ['bad-json', 1],
      ['bad-time', 2],
      ['no-value', 1],
    ],
  );
});

test('times: declared forms, offsets, zones, and what is no time', () => {
  const noon = Date.UTC(2026, 2, 29, 12);
  for (const text of [
    '2026-03-29T12:00:00Z',
    '2026-03-29 12:00',
    '2026-03-29T14:00:00+02:00',
    '2026-03-29T10:30-01:30',
  ])
    assert.equal(parseTimeMs(text, 'iso', 'UTC'), noon, text);
  // Berlin: clocks go from 02:00 to 03:00 on that day; 02:30 does not exist and is taken with the offset before.
  assert.equal(parseTimeMs('2026-03-29 14:00', 'iso', 'Europe/Berlin'), noon);
  assert.equal(parseTimeMs('2026-03-29 02:30', 'iso', 'Europe/Berlin'), Date.UTC(2026, 2, 29, 1, 30));
  assert.equal(parseTimeMs('1.5', 's', 'UTC'), 1500);
  assert.equal(parseTimeMs('1500000', 'us', 'UTC'), 1500);
  for (const text of ['', ' ', '2026-13-01', '2026-02-29', '2026-01-01T24:00', '1767225600', '01/02/2026'])
    assert.equal(parseTimeMs(text, 'iso', 'UTC'), undefined, text);
  for (const text of ['', ' ', 'x', '1e999']) assert.equal(parseTimeMs(text, 'ms', 'UTC'), undefined, text);
});

test('property: shuffling the rows of a file changes nothing that comes out (200 histories)', async (t) => {
  const dir = folder(t, {});
  const row = fc.record({
    time: fc.integer({ min: 0, max: 50 }),
    machine: fc.integer({ min: 0, max: 5 }),
    a: fc.integer(),
  });
  const rows = fc.uniqueArray(row, {
    selector: (r) => `${r.time}|${r.machine}`,
    minLength: 1,
    maxLength: 60,
  });
  const shuffled = rows.chain((list) =>
    fc.tuple(
      fc.constant(list),
      fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }),
    ),
  );
  let run = 0;
  await fc.assert(
    fc.asyncProperty(shuffled, async ([one, other]) => {
      const file = (list: typeof one): string => {
        const name = `p${run++}.csv`;
        writeFileSync(
          join(dir, name),
          `time,machine,a\n${list.map((r) => `${r.time},m${r.machine},${r.a}`).join('\n')}\n`,
        );
        return name;
      };
      const read = (name: string): Promise<Dataset> =>
        open({ kind: 'csv', readings: [{ file: name, timeFormat: 'ms' }] }, dir);
      const [first, second] = [await read(file(one)), await read(file(other))];
      assert.deepEqual(await collect(first), await collect(second));
      assert.deepEqual(first.machines, second.machines);
      assert.equal((await collect(first)).length, one.length);
    }),
    { numRuns: 200 },
  );
});

test('Azure PdM is read by a mapping alone', async (t) => {
  const dir = '../shared/data/azure_pdm';
  if (!existsSync(dir)) {
    t.skip(`SKIPPED LOUDLY: ${dir} is not there, the mapping of Azure PdM was not tried`);
    return;
  }
  const event = { time: 'datetime', machine: 'machineID', machinePrefix: 'machine-' };
  const dataset = await open(
    {
      kind: 'csv',
      name: 'Azure PdM, daily',
      readings: [
        {
          file: 'telemetry_daily.csv.gz',
          time: 'date',
          machine: 'machineID',
          machinePrefix: 'machine-',
          shiftMs: '30h',
          sensors: { volt: 'voltage', rotate: 'rotation', pressure: 'pressure', vibration: 'vibration' },
        },
      ],
      events: [
        { ...event, file: 'PdM_failures.csv.gz', eventIs: 'failure', code: 'failure' },
        { ...event, file: 'PdM_errors.csv.gz', eventIs: 'error', code: 'errorID' },
        { ...event, file: 'PdM_maint.csv.gz', eventIs: 'maintenance', code: 'comp' },
      ],
      machines: {
        file: 'PdM_machines.csv.gz',
        machine: 'machineID',
        machinePrefix: 'machine-',
        attributes: { model: 'model' },
      },
    },
    dir,
  );
  const linesIn = (name: string): number =>
    gunzipSync(readFileSync(join(dir, name)))
      .toString('utf8')
      .trimEnd()
      .split('\n').length - 1;
  const counts = new Map<string, number>();
  for await (const record of dataset.records()) {
    const kind = record.kind === 'event' ? record.event : 'readings';
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  assert.equal(counts.get('readings'), linesIn('telemetry_daily.csv.gz'));
  assert.equal(counts.get('failure'), linesIn('PdM_failures.csv.gz'));
  assert.equal(counts.get('error'), linesIn('PdM_errors.csv.gz'));
  assert.equal(counts.get('maintenance'), linesIn('PdM_maint.csv.gz'));
  assert.deepEqual(dataset.skipped, []);
  assert.equal(dataset.machines.length, 100);
  const [first] = dataset.machines;
  assert.equal(first?.machine, 'machine-1');
  assert.deepEqual(first?.attributes, { model: 'model3' });
  for await (const record of dataset.records()) {
    if (record.kind !== 'readings' || record.machine !== 'machine-1') continue;
    assert.equal(
      record.timeMs,
      Date.UTC(2015, 0, 2, 6),
      'the row of 2015-01-01 is known at 06:00 of the next day',
    );
    assert.equal(record.values.voltage, 170.61486187577478);
    break;
  }
});
