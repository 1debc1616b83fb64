// What a person who writes the alerts file is told. Goal: each wrong file gives one sentence with both values.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { z } from 'zod';
import { conditionText } from '../../alerts/condition.js';
import { parseCondition } from '../../alerts/condition-parser.js';
import { type AlertsConfigInput, alertsConfigSchema } from '../../alerts/config.js';
import { bindRules, type defaultRules } from '../../alerts/rule.js';
import { turbine, twoLevels } from './story.js';

const problemsOf = (config: unknown): string[] => {
  const result = alertsConfigSchema.safeParse(config);
  return result.success
    ? []
    : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
};
const rule = (over: object) => ({ rules: [{ ...twoLevels, ...over }] });
const severities = (...list: readonly (readonly [string, number, number])[]) => ({
  severities: list.map(([name, set, reset]) => ({ name, set, reset })),
});

const wrong: Record<string, { readonly config: unknown; readonly says: string }> = {
  'reset at set': {
    config: rule(severities(['warning', 0.3, 0.3])),
    says: 'rules.0.severities.0.reset: reset (0.3) of "warning" must be below its set (0.3)',
  },
  'severities that do not ascend': {
    config: rule(severities(['warning', 0.6, 0.2], ['critical', 0.5, 0.4])),
    says: 'rules.0.severities.1.set: set (0.5) of "critical" must be above set (0.6) of "warning" before it',
  },
  'resets that cross': {
    config: rule(severities(['warning', 0.3, 0.2], ['critical', 0.6, 0.1])),
    says: 'rules.0.severities.1.reset: reset (0.1) of "critical" must not be below reset (0.2) of "warning" before it',
  },
  'days the wrong way round': {
    config: rule({ condition: 'expected_day()', ...severities(['warning', 10, 8]) }),
    says: 'rules.0.severities.0.reset: reset (8) of "warning" must be above its set (10)',
  },
  'a percentage': {
    config: rule(severities(['warning', 30, 20])),
    says: 'rules.0.severities.0.set: 30 is not a probability; write one above 0, at most 1',
  },
  'a severity nobody knows': {
    config: rule(severities(['alarm', 0.3, 0.2])),
    says: 'rules.0.severities.0.name: "alarm" is not one of the severities (info, warning, critical)',
  },
  'severities out of order': {
    config: rule(severities(['critical', 0.3, 0.2], ['warning', 0.6, 0.4])),
    says: 'rules.0.severities.1.name: "warning" must come after "critical", in the order info, warning, critical',
  },
  'a time that is none': {
    config: rule({ notAssessableAfter: 'soon' }),
    says: 'rules.0.notAssessableAfter: write a number and a unit of ms, s, m, h or d, such as "3d", or "never"',
  },
  'two rules of one name': {
    config: { rules: [twoLevels, twoLevels] },
    says: 'rules.1.name: "near" is already the name of number 1',
  },
  'thresholds of what is true or false': {
    config: rule({
      condition: 'failure_probability(14d) > 0.4',
      severities: [{ name: 'warning', set: 0.4 }],
    }),
    says: 'rules.0.severities.0.set: the condition is true or false; leave it out',
  },
  'a number without a threshold': {
    config: rule({ severities: [{ name: 'warning', set: 0.3 }] }),
    says: 'rules.0.severities.0.reset: is missing; the condition is a number',
  },
  'a when that is a number': {
    config: rule({ when: 'coverage()' }),
    says: 'rules.0.when: must be true or false; compare it with something',
  },
  'four of three': {
    config: rule({ holds: { times: 4, of: 3 } }),
    says: 'rules.0.holds.times: 4 of 3 can never be',
  },
  'two ways to wait': {
    config: rule({ holds: { times: 2, of: 3 }, for: '2d' }),
    says: 'rules.0.for: belongs to rules without `holds`; write one of the two',
  },
  'flapping that ends before it begins': {
    config: rule({ flapping: { from: 0.2, until: 0.3 } }),
    says: 'rules.0.flapping.until: until (0.3) must be below its from (0.2)',
  },
  'an override whose thresholds do not fit the condition': {
    config: rule({ overrides: [{ lines: ['l1'], ...severities(['warning', 0.3, 0.4]) }] }),
    says: 'rules.0.overrides.0.severities.0.reset: reset (0.4) of "warning" must be below its set (0.3)',
  },
  'a word that a summary does not have': {
    config: rule({ summary: 'Help, {machin} breaks' }),
    says: 'rules.0.summary: column 7: {machin} is not known; write one of {machine} {type} {site} {line} {rule} {condition} {value} {expected} {severity} {Severity} {since} {labels.NAME}',
  },
  'a label that the rule does not have': {
    config: rule({ summary: 'Call {labels.team}' }),
    says: 'rules.0.summary: column 6: {labels.team}: the rule has no label "team"',
  },
  'a route to nobody': {
    config: { routes: [{ notifiers: ['pager'] }] },
    says: 'routes.0.notifiers.0: there is no notifier "pager"; there are: log',
  },
  'a route from an unknown severity': {
    config: { routes: [{ notifiers: ['log'], minSeverity: 'awful' }] },
    says: 'routes.0.minSeverity: "awful" is not one of the severities (info, warning, critical)',
  },
  'a webhook that is no address': {
    config: { notifiers: [{ kind: 'webhook', name: 'hook', url: 'ftp://host/x' }] },
    says: 'notifiers.0.url: write an address that starts with http:// or https://',
  },
  'a topic with a wildcard': {
    config: { notifiers: [{ kind: 'mqtt', name: 'bus', topic: 'alerts/#' }] },
    says: 'notifiers.0.topic: a topic to publish to may not hold + or #',
  },
  'waits the wrong way round': {
    config: {
      notifiers: [{ kind: 'log', name: 'log', retry: { firstDelayMs: '1m', maxDelayMs: '1s' } }],
    },
    says: 'notifiers.0.retry.maxDelayMs: maxDelayMs (1000 ms) must not be shorter than firstDelayMs (60000 ms)',
  },
};
for (const [name, { config, says }] of Object.entries(wrong))
  test(`refused: ${name}`, () => assert.deepEqual(problemsOf(config), [says]));

test('unknown keys are refused', () => {
  assert.match(problemsOf(rule({ hysteresis: 1 })).join(), /Unrecognized key: "hysteresis"/);
});

const knownFunctions =
  'write a number or one of failure_probability(…), expected_day(…), limit_probability(…), limit_day(…), change(…), coverage(…), silent(…), silent_sensors(…), stuck(…), stuck_sensors(…), health_index(…), age(…), value(…), drift(…), provisional(…), final(…), fallback(…), not_assessable(…)';
const conditions: readonly (readonly [string, unknown])[] = [
  ['failure_probability(14d)', { kind: 'failure-probability', withinMs: 14 * 86_400_000 }],
  ['  failure_probability ( 36h ) ', { kind: 'failure-probability', withinMs: 36 * 3_600_000 }],
  ['expected_day()', { kind: 'expected-day' }],
  ['limit_probability(14d)', { kind: 'limit-probability', withinMs: 14 * 86_400_000 }],
  ['limit_day()', { kind: 'limit-day' }],
  ['value("speed.mean")', { kind: 'value', feature: 'speed.mean' }],
  [
    'drift("oil.temp.max", 7d) > 3',
    {
      kind: 'compare',
      operator: '>',
      left: { kind: 'drift', feature: 'oil.temp.max', overMs: 7 * 86_400_000 },
      right: { kind: 'number', value: 3 },
    },
  ],
  [
    'value(speed.mean)',
    { column: 7, message: 'expected a sensor and its aggregate such as "speed.mean", found "speed.mean)"' },
  ],
  [
    'coverage() > 0.5 and value("speed") > 3',
    {
      column: 28,
      message:
        '"speed" must be a sensor and one of mean, std, min, max, first, last, slope, range, such as "speed.mean"',
    },
  ],
  ['drift("speed.mean")', { column: 19, message: 'expected "," after "speed.mean", found ")"' }],
  ['drift("speed.mean", 7)', { column: 21, message: 'expected a time such as 7d or 12h, found "7"' }],
  [
    'not value("speed.mean")',
    { column: 5, message: '"not" is of what is true or false, and this is a number' },
  ],
  ['failure_probability 14d', { column: 21, message: 'expected "(" after failure_probability, found "14d"' }],
  [
    'failure_probability(14)',
    { column: 21, message: 'expected a time ahead such as 14d or 12h, found "14"' },
  ],
  ['failure_probability()', { column: 21, message: 'expected a time ahead such as 14d or 12h, found ")"' }],
  [
    'failure_probability(0d)',
    { column: 21, message: 'expected a time ahead such as 14d or 12h, found "0d"' },
  ],
  ['failure_probability(14d', { column: 24, message: 'expected ")", found the end' }],
  ['expected_day(3d)', { column: 14, message: 'expected ")", found "3d)"' }],
  [
    'coverage() > 0.5 coverage()',
    { column: 18, message: 'nothing may follow the condition, found "coverage()"' },
  ],
  [
    'coverage() and final()',
    { column: 1, message: '"and" joins what is true or false, and this is a number' },
  ],
  [
    'final() and coverage()',
    { column: 13, message: '"and" joins what is true or false, and this is a number' },
  ],
  ['coverage() > final()', { column: 14, message: '">" compares numbers, and this is true or false' }],
  ['1 < coverage() < 2', { column: 16, message: 'nothing may follow the condition, found "< 2"' }],
  ['not 1', { column: 5, message: '"not" is of what is true or false, and this is a number' }],
  ['1 + final()', { column: 5, message: '"+" is of numbers, and this is true or false' }],
  ['change(final())', { column: 8, message: 'this is of numbers, and this is true or false' }],
  ['change(change(coverage()))', { column: 8, message: 'a change of a change is not known' }],
  ['silent(speed)', { column: 8, message: 'expected a sensor such as "speed", found "speed)"' }],
  ['coverage() > -', { column: 15, message: 'expected a number after "-", found the end' }],
  ['coverage() > 1e9', { column: 14, message: `${knownFunctions}, not "1e9"` }],
  ['', { column: 1, message: `${knownFunctions}, not the end` }],
  ['failure_probabilty(14d)', { column: 1, message: `${knownFunctions}, not "failure_probabilty(14d)"` }],
  ['process.exit(1)', { column: 1, message: `${knownFunctions}, not "process.exit(1)"` }],
  ['final() and (', { column: 14, message: `${knownFunctions}, not the end` }],
  [
    'failure_probability(3d) > limit_probability(3d)',
    {
      column: 1,
      message:
        'no forecast is of failures (failure_probability, expected_day) and of the health index (limit_probability, limit_day) at once; write a rule for each',
    },
  ],
  [`${'('.repeat(60)}1`, { column: 51, message: 'nested deeper than 50' }],
  [`${'not '.repeat(60)}final()`, { column: 201, message: 'nested deeper than 50' }],
];
for (const [text, parsed] of conditions)
  test(`condition "${text}"`, () => assert.deepEqual(parseCondition(text), parsed));

for (const [text, printed] of [
  ['1 - 2 - 3 > -1', '1 - 2 - 3 > -1'],
  ['1 - (2 - 3) > 0', '1 - (2 - 3) > 0'],
  ['(1 + 2) * 3 == 4 / (5 * 6)', '(1 + 2) * 3 == 4 / (5 * 6)'],
  ['not(final() and(age()<3))', 'not (final() and age() < 3)'],
  ['stuck("speed") or stuck_sensors() > 1', 'stuck("speed") or stuck_sensors() > 1'],
  ['final() and (age() < 3 or silent("speed"))', 'final() and (age() < 3 or silent("speed"))'],
  ['(final() and age() < 3) or not_assessable()', 'final() and age() < 3 or not_assessable()'],
  ['change(failure_probability( 24h ))>=0.1', 'change(failure_probability(1d)) >= 0.1'],
] as const)
  test(`condition "${text}" is printed with no more brackets than it needs, and means the same`, () => {
    const parsed = parseCondition(text);
    assert.ok('kind' in parsed);
    assert.equal(conditionText(parsed), printed);
    assert.deepEqual(parseCondition(printed), parsed);
  });

test('rules are fitted to machine types, and what does not fit is said', () => {
  const bind = (config: AlertsConfigInput, type = turbine()) =>
    bindRules(alertsConfigSchema.parse(config), [type]);
  const hourly = turbine({ name: 'press', step: { kind: 'fixed', durationMs: '1h' }, horizonSteps: 48 });
  assert.equal(bind(rule({ condition: 'failure_probability(24h)' }), hourly).get('press')?.length, 1);
  assert.throws(
    () => bind(rule({ condition: 'failure_probability(14d)' }), hourly),
    /^UserError: rule "near" for machine type "press": failure_probability\(14d\) reaches beyond its forecasts, which end after 2d; shorten it, or name the rule's types$/,
  );
  assert.throws(
    () => bind(rule({ condition: 'failure_probability(36h)' })),
    /not a whole number of its steps of 1d/,
  );
  assert.throws(
    () => bind(rule({ when: 'not silent("torque")' })),
    /^UserError: rule "near" for machine type "turbine": silent\("torque"\): it has no sensor "torque"; it has: speed$/,
  );
  assert.throws(
    () => bind(rule({ when: 'stuck("speed")' })),
    /: stuck\("speed"\): it is never seen as stuck; add stuckAfter to the sensor, the readings of a step that are enough to tell$/,
  );
  assert.throws(
    () => bind(rule({ when: 'stuck_sensors() < 1' })),
    /: stuck_sensors\(\): none of its sensors is ever seen as stuck; add stuckAfter/,
  );
  assert.throws(
    () => bind(rule({ when: 'value("torque.mean") < 3' })),
    /: value\("torque.mean"\): it has no sensor "torque"; it has: speed$/,
  );
  assert.throws(
    () => bind(rule({ when: 'value("speed.max") < 3' })),
    /: value\("speed.max"\): of "speed" it has mean; name one of these, or add "max" to its aggregates and train again$/,
  );
  assert.throws(
    () => bind(rule({ when: 'drift("speed.mean", 36h) < 3' })),
    /drift\("speed.mean", 36h\) is not a whole number of its steps of 1d/,
  );
  assert.throws(
    () => bind(rule({ when: 'drift("speed.mean", 40d) < 3' })),
    /drift\("speed.mean", 40d\) needs as much time before it, and forecasts are made from 60d; at most 30d$/,
  );
  assert.throws(() => bind(rule({ overrides: [{ types: ['pump'] }] })), /no machine type "pump"/);
  assert.throws(() => bind(rule({ types: ['pump'] })), /no machine type "pump"; there are: turbine/);
  assert.throws(
    () => bind(rule({ notAssessableAfter: '1d' })),
    /notAssessableAfter \(1d\) must be longer than the longest step and its grace \(25h\)/,
  );
});

test('without rules every type gets a warning far ahead and a critical alert near', () => {
  const told = (types: Parameters<typeof defaultRules>[0]) =>
    [...bindRules(alertsConfigSchema.parse({}), types)].map(([type, rules]) => [
      type,
      ...rules.map(({ name, severities: [first] }) => `${name} ${first?.name}`),
    ]);
  assert.deepEqual(told([turbine()]), [
    ['turbine', 'failure-within-30d warning', 'failure-within-14d critical'],
  ]);
  const valued = turbine({ sensors: [{ name: 'speed', forecast: true }] });
  assert.deepEqual(told([valued]), [
    ['turbine', 'failure-within-30d warning', 'limit-within-14d warning', 'failure-within-14d critical'],
  ]);
  const press = turbine({ name: 'press', step: { kind: 'fixed', durationMs: '8h' }, horizonSteps: 12 });
  assert.deepEqual(told([turbine(), press]), [
    ['turbine', 'failure-within-30d-turbine warning', 'failure-within-14d-turbine critical'],
    ['press', 'failure-within-4d-press warning', 'failure-within-2d-press critical'],
  ]);
  assert.deepEqual(bindRules(alertsConfigSchema.parse({ rules: [] }), [turbine()]).get('turbine'), []);
});

test('the version of a rule is of its meaning: spelling does not count, thresholds do', () => {
  const version = (over: object): string | undefined =>
    bindRules(alertsConfigSchema.parse(rule(over)), [turbine()]).get('turbine')?.[0]?.version;
  assert.match(version({}) ?? '', /^[0-9a-f]{16}$/);
  assert.equal(version({ for: '2d' }), version({ for: '48h' }));
  assert.equal(version({}), version({ condition: ' failure_probability( 14d )', for: '0s' }));
  assert.notEqual(version({}), version({ for: '1d' }));
});

test('secrets are not printed', () => {
  const config = alertsConfigSchema.parse({
    notifiers: [
      {
        kind: 'webhook',
        name: 'hook',
        url: 'http://host/x',
        secret: 's3cr3t',
        headers: { Authorization: 's3cr3t' },
      },
    ],
  });
  for (const printed of [JSON.stringify(config), inspect(config, { depth: 9 }), `${Object.values(config)}`])
    assert.ok(!printed.includes('s3cr3t'));
  assert.match(inspect(config, { depth: 9 }), /\[redacted\]/);
});

test('the schema can be given to an editor, and every field says what it does', () => {
  const schema = z.toJSONSchema(alertsConfigSchema, { io: 'input' });
  const text = JSON.stringify(schema);
  for (const field of ['keepFiringFor', 'notAssessableAfter', 'minSeverity', 'giveUpAfterMs'])
    assert.match(text, new RegExp(`"${field}":\\{[^{}]*"description"|"${field}":\\{.{0,200}description`));
});
