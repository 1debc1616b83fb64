import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadDeployment } from '../../app/config.js';
import { judgeInflux } from '../../app/doctor-influx.js';
import { influxConfigSchema } from '../../infra/influx/config.js';
import type { InfluxFacts } from '../../infra/influx/inspect.js';

const good: InfluxFacts = {
  address: 'http://influx:8086',
  version: '1.8.10',
  clockAheadMs: -800,
  databaseExists: true,
  policy: { name: 'results', durationMs: Infinity, isDefault: true },
  tagValuesMax: 100_000,
  machineCount: 500,
  walFsyncDelay: '0s',
};

const cases: readonly (readonly [string, Partial<InfluxFacts>, RegExp | undefined])[] = [
  ['nothing', {}, undefined],
  [
    'nothing to see for a user without rights',
    { tagValuesMax: undefined, walFsyncDelay: undefined },
    undefined,
  ],
  ['a later version', { version: '2.7.1' }, /warning: InfluxDB 2\.7\.1 .* tested with 1\.8 only/],
  ['a clock behind', { clockAheadMs: -61_000 }, /warning: the clock of InfluxDB is 61 s behind .* NTP/],
  ['a clock ahead', { clockAheadMs: 6000 }, /warning: the clock of InfluxDB is 6 s ahead of/],
  [
    'no database',
    { databaseExists: false, policy: undefined },
    /warning: there is no database "millwright" yet/,
  ],
  ['no policy', { policy: undefined }, /warning: there is no retention policy "results" yet/],
  [
    'retention shorter than what is looked at',
    { policy: { name: 'results', durationMs: 30 * 86_400_000, isDefault: true } },
    /bad: retention policy "results" keeps results for 30d, .* span 60d: set store\.retentionMs to more/,
  ],
  [
    'another default',
    { policy: { name: 'results', durationMs: Infinity, isDefault: false } },
    /warning: .* not the default/,
  ],
  [
    'nearly too many machines',
    { machineCount: 80_001 },
    /warning: 80,001 machines of at most 100000 .* max-values-per-tag = 0/,
  ],
  [
    'writes that wait for the disk',
    { walFsyncDelay: '100ms' },
    /warning: wal-fsync-delay is 100ms: a power cut loses/,
  ],
];

for (const [name, facts, wanted] of cases)
  test(`doctor on InfluxDB: ${name}`, () => {
    const deployment = loadDeployment('config.example.yaml', {});
    const config = influxConfigSchema.parse({ url: 'http://influx:8086' });
    const [first, ...others] = judgeInflux(deployment, config, { ...good, ...facts });
    assert.equal(first?.state, 'good');
    const said = others.map(({ state, sentence }) => `${state}: ${sentence}`).join('\n');
    if (wanted) assert.match(said, wanted);
    else assert.equal(said, '');
  });
