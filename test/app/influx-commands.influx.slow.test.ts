/** `infra init` and `doctor` on a real InfluxDB. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, describe, it, type TestContext } from 'node:test';
import { loadDeployment } from '../../app/config.js';
import type { Finding } from '../../app/finding.js';
import { openStore } from '../../app/open-store.js';
import { influxConfigSchema } from '../../infra/influx/config.js';
import { InfluxConnection } from '../../infra/influx/connection.js';
import { forecastOf, stepOf, storeBatch } from '../conformance/store.js';
import { runMillwright } from '../scenarios/millwright-process.js';
import { makePlant, removePlant } from '../scenarios/plant.js';
import { startInflux } from '../services/influx.js';
import { skipWithout } from '../services/service.js';

const influx = await startInflux();
after(() => influx?.stop());

function plantOnInflux(t: TestContext) {
  const plant = makePlant();
  t.after(() => removePlant(plant));
  const database = `commands_${randomUUID().slice(0, 8)}`;
  const plain = readFileSync(plant.file, 'utf8');
  const connection = new InfluxConnection(influxConfigSchema.parse({ url: influx?.url, database }));
  t.after(() => connection.close());
  const millwright = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await runMillwright(t, [...args, '-c', plant.file, '--json']);
    return { exitCode, said: stdout === '' ? stderr : JSON.parse(stdout) };
  };
  return {
    plant,
    database,
    connection,
    /** Writes the deployment with these options of the store. */
    configure: (options: string, url = influx?.url) =>
      writeFileSync(
        plant.file,
        `${plain}store: { kind: influx, url: "${url}", database: ${database}${options} }\n`,
      ),
    init: async () => {
      const { exitCode, said } = await millwright('infra', 'init');
      assert.equal(exitCode, 0, JSON.stringify(said));
      return (said as { done: string[] }).done;
    },
    /** What doctor says about store and spool, and how it ends. */
    doctor: async () => {
      const { exitCode, said } = await millwright('doctor');
      const findings = (said as { findings: Finding[] }).findings;
      return {
        exitCode,
        text: findings
          .filter(({ what }) => what === 'store' || what === 'spool')
          .map(({ state, sentence }) => `${state}: ${sentence}`)
          .join('\n'),
      };
    },
  };
}

describe('commands on InfluxDB', { skip: skipWithout(influx, 'InfluxDB'), timeout: 600_000 }, () => {
  it('infra init makes what is missing, changes what is otherwise, and does nothing the second time', async (t) => {
    const { configure, init, connection, database } = plantOnInflux(t);
    configure('');
    assert.deepEqual(await init(), [
      `made database ${database}`,
      'made retention policy results: results are kept for ever',
    ]);
    assert.deepEqual(await init(), []);
    configure(', retentionMs: 90d');
    assert.deepEqual(await init(), [
      'changed retention policy results: results are kept for 2160 h',
      'made retention policy results_summary: summaries are kept for ever',
      'made continuous query failure_risk_by_day',
      'made continuous query machine_by_week',
    ]);
    assert.deepEqual(await init(), []);
    configure(', retentionMs: 90d, sensorFields: [mean, max]');
    assert.deepEqual(await init(), [], 'means are what is summarised');
    configure(', retentionMs: 90d, sensorFields: [max]');
    assert.deepEqual(await init(), ['made continuous query machine_by_week']);
    const [policies] = await connection.schema(`SHOW RETENTION POLICIES ON ${database}`);
    assert.deepEqual(
      policies?.values.filter(([name]) => String(name).startsWith('results')),
      [
        ['results', '2160h0m0s', '216h0m0s', 1, true],
        ['results_summary', '0s', '4368h0m0s', 1, false],
      ],
    );
  });

  it('the summaries say what was forecast and measured', async (t) => {
    const { configure, init, connection, plant, database } = plantOnInflux(t);
    configure(', retentionMs: 10000d');
    await init();
    const { store } = await openStore(loadDeployment(plant.file), 'read-write');
    const machines = ['pump-1', 'pump-2'];
    await store.write(
      storeBatch({
        forecasts: machines.map((machine) => forecastOf(machine, 3)),
        steps: machines.flatMap((machine) => [stepOf(machine, 3), stepOf(machine, 4)]),
      }),
    );
    await store.close();
    const all = await connection.schema('SHOW CONTINUOUS QUERIES');
    const queries = all.find(({ name }) => name === database)?.values ?? [];
    assert.equal(queries.length, 2);
    for (const [, text] of queries) {
      const select = /BEGIN (SELECT .*) (GROUP BY .*) END/.exec(String(text));
      // As InfluxDB runs it, over the days that were written.
      await connection.schema(
        `${select?.[1]} WHERE time >= '2024-01-01T00:00:00Z' AND time < '2024-02-01T00:00:00Z' ${select?.[2]}`,
      );
    }
    const read = async (columns: string, measurement: string) =>
      (
        await connection.schema(`SELECT ${columns} FROM "${database}".results_summary.${measurement}`)
      ).flatMap(({ values }) => values.map((row) => row.slice(1)));
    const { probabilities } = forecastOf('pump-1', 3);
    assert.deepEqual(await read('forecasts, p07_max, p30_max, type', 'failure_risk'), [
      [2, probabilities[6], probabilities[29], 'press'],
    ]);
    assert.deepEqual(await read('coverage, silent, machine', 'machine_week'), [
      [0.5, 2, 'pump-1'],
      [0.5, 2, 'pump-2'],
    ]);
  });

  it('doctor finds a retention that is too short, other than configured, and results that wait', async (t) => {
    const { configure, init, doctor, connection, database, plant } = plantOnInflux(t);
    configure('');
    const before = await doctor();
    assert.match(before.text, /^good: InfluxDB .* answers\nwarning: there is no database .* infra init/);
    await init();
    assert.match((await doctor()).text, /^good: InfluxDB .* answers$/);
    await connection.schema(`ALTER RETENTION POLICY results ON ${database} DURATION 4h SHARD DURATION 1h`);
    await connection.schema(`ALTER RETENTION POLICY autogen ON ${database} DEFAULT`);
    const short = await doctor();
    assert.match(
      short.text,
      /bad: retention policy "results" keeps results for 4h, .* span 9h: set store.retentionMs/,
    );
    assert.match(
      short.text,
      /warning: .*keeps results for 4h, the configuration says for ever: run millwright infra init/,
    );
    assert.match(short.text, /warning: .* is not the default/);
    await init();
    configure('', 'http://127.0.0.1:1');
    const { store } = await openStore(loadDeployment(plant.file), 'read-write');
    await store.write(storeBatch({ forecasts: [forecastOf('pump-1', 0)] }));
    await store.close();
    const away = await doctor();
    assert.equal(away.exitCode, 1);
    assert.match(
      away.text,
      /bad: InfluxDB at http:\/\/127.0.0.1:1 cannot be reached .*: start InfluxDB, or correct store.url/,
    );
    assert.match(away.text, /warning: .* of results wait in .*spool/);
  });
});
