// Grafana itself is not here: every query of its panels and variables is asked of a real InfluxDB that holds results of
// ours, with Grafana's own words filled in as it would.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { influxConfigSchema } from '../../infra/influx/config.js';
import { openInfluxStore } from '../../infra/influx/store.js';
import { alertOf, eventOf, forecastOf, stepOf } from '../conformance/store.js';
import { startInflux } from '../services/influx.js';
import { skipWithout } from '../services/service.js';
import { dashboardFiles, readDashboard } from './dashboards.js';

const influx = await startInflux();
const dayMs = 86_400_000;
const machine = 'press-1';
const press = machineTypeSchema.parse({ name: 'press', sensors: [{ name: 'vib', unit: 'mm/s' }] });

const answerSchema = (text: string) =>
  JSON.parse(text) as {
    results: { error?: string; series?: { columns: string[]; values: (string | number | null)[][] }[] }[];
  };

test('every panel shows what InfluxDB has', {
  skip: skipWithout(influx, 'InfluxDB'),
  timeout: 180_000,
}, async (t) => {
  const { url = '' } = influx ?? {};
  t.after(() => influx?.stop());
  const dir = mkdtempSync(join(tmpdir(), 'dashboards-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const database = `dashboards_${randomUUID().slice(0, 8)}`;
  const store = await openInfluxStore({
    config: influxConfigSchema.parse({ url, database }),
    types: new Map([['press', press]]),
    dir,
    mode: 'read-write',
    onProblem: (sentence) => t.diagnostic(sentence),
  });
  const days = Array.from({ length: 20 }, (_, day) => day);
  const first = forecastOf(machine, 0).originMs;
  await store.write({
    steps: days.map((day) =>
      stepOf(machine, day, {
        sensors: [
          {
            count: 24,
            mean: 3,
            m2: 1,
            min: 1,
            max: 5,
            first: 2,
            firstMs: 0,
            last: 4,
            lastMs: 1,
            outOfRangeCount: 1,
          },
        ] as never,
      }),
    ),
    forecasts: days.map((day) =>
      day === 3
        ? forecastOf(machine, day, {
            status: 'not-assessable',
            reason: 'silent',
            probabilities: [],
            expectedDay: null,
          })
        : forecastOf(machine, day),
    ),
    alerts: [alertOf(machine, 0), alertOf(machine, 1, { state: 'resolved', transition: 'resolved' })],
    events: [eventOf(machine, 2)],
  });
  await store.close();

  const ask = async (query: string) => {
    const answer = await fetch(`${url}/query?${new URLSearchParams({ db: database, q: query })}`);
    return answerSchema(await answer.text()).results[0] ?? {};
  };
  const fillIn = (query: string): string =>
    query
      .replaceAll('$timeFilter', `time >= ${first}ms AND time <= ${first + 60 * dayMs}ms`)
      .replaceAll('$__interval', '1h')
      .replaceAll('$machine', machine)
      .replaceAll('/^$site$/', '/^.*$/')
      .replaceAll('/^$line$/', '/^.*$/');
  for (const file of dashboardFiles()) {
    const { title, panels, templating } = readDashboard(file);
    for (const { name, query } of templating.list) {
      const { error, series } = await ask(query);
      assert.equal(error, undefined, `${title}, $${name}: ${query}`);
      assert.equal(series?.[0]?.values.length, 1, `${title}, $${name} has the one value there is`);
    }
    for (const panel of panels)
      for (const { query } of panel.targets) {
        const filled = fillIn(query);
        assert.doesNotMatch(filled, /\$\w/, `${title}, ${panel.title}: a word of Grafana is left`);
        const { error, series } = await ask(filled);
        assert.equal(error, undefined, `${title}, ${panel.title}: ${filled}`);
        const values = series?.flatMap((one) => one.values.flatMap((row) => row.slice(1))) ?? [];
        assert.ok(
          values.some((value) => value !== null),
          `${title}, ${panel.title} shows something: ${filled}`,
        );
      }
  }
});
