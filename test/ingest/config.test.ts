import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UserError } from '../../domain/errors.js';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { type IngestConfigInput, ingestConfigSchema } from '../../ingest/config.js';
import { prepareTypes } from '../../ingest/sensors.js';
import { ingestSubscriptions } from '../../ingest/subscriptions.js';
import { TopicMatcher, topicFilters } from '../../ingest/topic-template.js';
import { configOf, types } from './plant.js';

function problem(input: unknown): string {
  const result = ingestConfigSchema.safeParse(input);
  return result.success
    ? ''
    : result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
}

describe('ingest configuration', () => {
  it('needs nothing', () => {
    const config = configOf();
    assert.equal(config.topics.length, 3);
    assert.equal(config.timeUnit, 'ms');
    assert.equal(config.futureToleranceMs, 300_000);
    assert.equal(config.tooOldMs, undefined);
  });

  it('says what is wrong with a template', () => {
    const wrong: [string, RegExp][] = [
      ['factory/{site}', /no \{machine\}/],
      ['factory/{plant}/{machine}', /\{plant\} is not known; use \{machine\}/],
      ['{machine}/{machine}', /occurs twice/],
      ['/factory/{machine}', /empty level/],
      ['factory/x{machine}', /mixes text/],
      ['factory/{machine}/#', /mixes text/],
    ];
    for (const [template, want] of wrong) assert.match(problem({ topics: [{ template }] }), want);
    assert.match(
      problem({ topics: [{ template: '{machine}/{sensor}', kind: 'events' }] }),
      /topics.0.template.*remove/,
    );
  });

  it('refuses unknown keys, bad durations and names that every object has', () => {
    assert.match(problem({ topic: [] }), /topic/);
    assert.match(problem({ tooOldMs: 5 }), /tooOldMs/);
    assert.match(problem({ timeField: 'constructor' }), /timeField/);
  });

  it('finds units that cannot be, when it meets the machine types', () => {
    const wrong: [IngestConfigInput, RegExp][] = [
      [{ units: { temp: 'bar' } }, /ingest.units "temp".*"press".*"bar" cannot be converted to "degC"/],
      [{ units: { temp: 'foo' } }, /"foo" is not a known unit/],
      [{ units: { tmep: 'K' } }, /"tmep", but no machine type has that sensor/],
      [{ units: { count: 'bar' } }, /has no unit/],
      [{ timeField: 'temp' }, /sensor "temp", which is also ingest.timeField/],
      [{ ignoreFields: ['vib'] }, /ignoreFields holds "vib"/],
    ];
    for (const [input, want] of wrong)
      assert.throws(
        () => prepareTypes(types, configOf(input)),
        (error) => error instanceof UserError && want.test(error.message),
      );
  });

  it('prefers the unit for a sensor of one type', () => {
    const other = machineTypeSchema.parse({ name: 'oven', sensors: [{ name: 'temp', unit: 'K' }] });
    const all = new Map([...types, ['oven', other]]);
    const config = configOf({ units: { temp: 'degC', 'press/temp': 'degF' } });
    const prepared = prepareTypes(all, config);
    assert.deepEqual(prepared.get('oven')?.sensors.get('temp')?.conversion, { scale: 1, offset: 273.15 });
    assert.ok(Math.abs((prepared.get('press')?.sensors.get('temp')?.conversion.scale ?? 0) - 5 / 9) < 1e-12);
  });

  it('knows units that plants write', () => {
    const pairs: [string, string, number, number][] = [
      ['psi', 'bar', 100, 6.894757],
      ['mbar', 'kPa', 1000, 100],
      ['in/s', 'mm/s', 1, 25.4],
      ['ips', 'mm/s', 1, 25.4],
      ['°C', 'degF', 100, 212],
      ['rad/s', 'rpm', 1, 9.5493],
      ['kW', 'W', 1.5, 1500],
      ['l/min', 'm3/h', 1000, 60],
      ['delta degF', 'delta degC', 9, 5],
      ['%', '', 50, Number.NaN],
    ];
    for (const [from, to, value, want] of pairs) {
      const type = machineTypeSchema.parse({ name: 'any', sensors: [{ name: 'x', unit: to }] });
      const make = (): number => {
        const sensor = prepareTypes(new Map([['any', type]]), configOf({ units: { x: from } }))
          .get('any')
          ?.sensors.get('x');
        return value * (sensor?.conversion.scale ?? 0) + (sensor?.conversion.offset ?? 0);
      };
      if (Number.isNaN(want)) assert.throws(make, UserError);
      else assert.ok(Math.abs(make() - want) < 1e-4, `${value} ${from} is ${make()} ${to}`);
    }
  });
});

describe('topic templates', () => {
  it('give the more literal template the topic', () => {
    const matcher = new TopicMatcher(configOf().topics);
    const found = matcher.match('factory/n/l/m/event');
    assert.ok(typeof found !== 'string');
    assert.equal(found.owner.kind, 'events');
  });

  it('give filters of which none covers another', () => {
    assert.deepEqual(ingestSubscriptions(configOf()), ['factory/+/+/+/+', 'factory/+/+/+']);
    assert.deepEqual(ingestSubscriptions(configOf({ time: 'messages' })).at(-1), 'millwright/clock');
    assert.deepEqual(topicFilters(['a/{machine}', 'a/{machine}', 'b/+/{machine}']), ['a/+', 'b/+/+']);
  });
});
