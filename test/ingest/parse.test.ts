import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import type { EventRecord, InputRecord, ReadingsRecord, RejectReason } from '../../domain/input.js';
import type { IngestConfigInput } from '../../ingest/config.js';
import { MessageParser, type ParsedMessage } from '../../ingest/parse.js';
import { bytes, configOf, directory, nowMs, types } from './plant.js';

const sensorTopic = 'factory/north/l1/press-1/temp';
const machineTopic = 'factory/north/l1/press-1';
const eventTopic = 'factory/north/l1/press-1/event';

function parse(
  topic: string,
  payload: unknown,
  config: IngestConfigInput = {},
  retained = false,
): ParsedMessage {
  const parser = new MessageParser({ types, directory, config: configOf(config) });
  const raw = payload instanceof Uint8Array ? payload : bytes(payload);
  return parser.parse(topic, raw, { timeMs: nowMs, clockKnown: true, retained });
}

function readings(message: ParsedMessage): [string, number, number][] {
  const record = message.inputs[0] as ReadingsRecord | undefined;
  return (record?.sensors ?? []).map((sensor, i) => [
    sensor,
    (record?.timesMs[i] as number) - nowMs,
    // Conversions are good to 12 digits.
    Number(record?.values[i]?.toFixed(10)) + 0,
  ]);
}

describe('payloads that are taken', () => {
  const cases: [string, string, unknown, [string, number, number][]][] = [
    ['a bare number, at its arrival', sensorTopic, '21.5', [['temp', 0, 21.5]]],
    ['a bare number with white space', sensorTopic, ' 21.5\r\n', [['temp', 0, 21.5]]],
    ['a number behind a byte order mark', sensorTopic, '\ufeff21.5', [['temp', 0, 21.5]]],
    ['a value with its time', sensorTopic, { value: 3, time: nowMs - 5 }, [['temp', -5, 3]]],
    ['a value with a unit', sensorTopic, { value: 212, unit: 'degF' }, [['temp', 0, 100]]],
    ['a value in kelvin', sensorTopic, { value: 273.15, unit: 'K' }, [['temp', 0, 0]]],
    [
      'timed values, not in order',
      sensorTopic,
      [
        { time: nowMs - 1, value: 2 },
        { time: nowMs - 2, value: 1 },
      ],
      [
        ['temp', -1, 2],
        ['temp', -2, 1],
      ],
    ],
    [
      'an object of values',
      machineTopic,
      { temp: 1, vib: 2 },
      [
        ['temp', 0, 1],
        ['vib', 0, 2],
      ],
    ],
    [
      'timed objects of values',
      machineTopic,
      [
        { time: nowMs - 60_000, temp: 1, pressure: 9 },
        { time: nowMs, temp: 2 },
      ],
      [
        ['temp', -60_000, 1],
        ['pressure', -60_000, 9],
        ['temp', 0, 2],
      ],
    ],
    ['a value out of a flagged range', machineTopic, { vib: 1e6 }, [['vib', 0, 1e6]]],
    ['a fraction of a millisecond, rounded', machineTopic, { time: nowMs - 0.4, temp: 1 }, [['temp', 0, 1]]],
  ];
  for (const [name, topic, payload, want] of cases)
    it(name, () => {
      const message = parse(topic, payload);
      assert.deepEqual(message.rejected, []);
      assert.deepEqual(readings(message), want);
      assert.equal(message.accepted, want.length);
    });

  it('one record for a message, with the place from the topic and the time of arrival', () => {
    const [record] = parse(machineTopic, { temp: 1 }).inputs;
    assert.deepEqual(record, {
      kind: 'readings',
      machine: 'press-1',
      type: 'press',
      site: 'north',
      line: 'l1',
      ingestTimeMs: nowMs,
      sensors: ['temp'],
      timesMs: [nowMs],
      values: [1],
    } satisfies InputRecord);
  });

  it('takes times in the declared unit', () => {
    const at = nowMs - 1500;
    const times: [IngestConfigInput['timeUnit'], unknown][] = [
      ['s', at / 1000],
      ['ms', at],
      ['us', at * 1000],
      ['ns', at * 1e6],
      ['iso', new Date(at).toISOString()],
      ['iso', '2024-05-01T07:59:58.5+02:00'],
    ];
    for (const [timeUnit, time] of times)
      assert.deepEqual(readings(parse(machineTopic, { time, temp: 1 }, { timeUnit })), [['temp', -1500, 1]]);
  });

  it('takes the time from the declared field, by topic if so configured', () => {
    assert.deepEqual(readings(parse(machineTopic, { ts: nowMs - 7, temp: 1 }, { timeField: 'ts' })), [
      ['temp', -7, 1],
    ]);
    const topics = [{ template: 'gw/{machine}', timeField: 't', timeUnit: 's' as const }];
    assert.deepEqual(readings(parse('gw/press-9', { t: nowMs / 1000 - 1, temp: 1 }, { topics })), [
      ['temp', -1000, 1],
    ]);
  });

  it('converts units that the configuration names', () => {
    const message = parse(
      machineTopic,
      { pressure: 100, temp: 32 },
      { units: { pressure: 'kPa', 'press/temp': 'degF' } },
    );
    assert.deepEqual(readings(message), [
      ['pressure', 0, 1],
      ['temp', 0, 0],
    ]);
  });

  it('lets the type come from the topic', () => {
    const topics = [{ template: '{type}/{machine}/{sensor}' }];
    const message = parse('fan/typed-1/rpm', '900', { topics });
    assert.equal((message.inputs[0] as ReadingsRecord).type, 'fan');
  });

  it('takes from a retained message what has a time of its own, and nothing else', () => {
    const withTime = parse(machineTopic, { temp: 20, time: nowMs - 5 }, {}, true);
    assert.deepEqual(readings(withTime), [['temp', -5, 20]]);
    for (const [topic, payload] of [
      [sensorTopic, '21.5'],
      [sensorTopic, { value: 21.5 }],
      [machineTopic, { temp: 20 }],
      [eventTopic, { event: 'failure' }],
    ] as const) {
      const { inputs, rejected } = parse(topic, payload, {}, true);
      assert.deepEqual(inputs, []);
      assert.deepEqual(
        rejected.map(({ reason }) => reason),
        ['bad-time'],
      );
      assert.match(rejected[0]?.detail ?? '', /"time" is missing, and the message is a retained one/);
    }
  });

  it('leaves out ignored fields', () => {
    const message = parse(
      machineTopic,
      { seq: 5, quality: { good: true }, temp: 1 },
      { ignoreFields: ['seq', 'quality'] },
    );
    assert.deepEqual(message.rejected, []);
    assert.equal(message.accepted, 1);
  });

  it('takes events with their fields', () => {
    const message = parse(eventTopic, [
      { event: 'error', code: 'E1', time: nowMs - 10 },
      { event: 'maintenance', code: 'pump', time: nowMs, by: 'Ada', comment: 'new seals' },
    ]);
    assert.deepEqual(message.rejected, []);
    const [error, maintenance] = message.inputs as EventRecord[];
    assert.deepEqual(error, {
      kind: 'event',
      event: 'error',
      machine: 'press-1',
      type: 'press',
      site: 'north',
      line: 'l1',
      eventTimeMs: nowMs - 10,
      ingestTimeMs: nowMs,
      code: 'E1',
      by: '',
      comment: '',
    });
    assert.equal(maintenance?.by, 'Ada');
    assert.equal(parse(eventTopic, { event: 'failure' }).accepted, 1);
    assert.equal(parse(eventTopic, { event: 'retired' }).accepted, 1);
    assert.equal(parse(eventTopic, { event: 'feedback', code: 'unclear' }).accepted, 1);
    const about = { alert: 'near/press-1/0', fault: 'BRG-2' };
    const [feedback] = parse(eventTopic, { event: 'feedback', code: 'true', ...about })
      .inputs as EventRecord[];
    assert.deepEqual([feedback?.alert, feedback?.fault], ['near/press-1/0', 'BRG-2']);
    assert.equal(parse(eventTopic, { event: 'acknowledge', code: 'rule/press-1/0' }).accepted, 1);
  });
});

/** Named cases: topic, payload, reasons wanted in order, a part of the first sentence, and the configuration. */
const nasty: [string, string, unknown, RejectReason[], RegExp, IngestConfigInput?][] = [
  ['empty topic', '', '1', ['topic-unmatched'], /topic is empty/],
  ['topic of another house', 'home/kitchen', '1', ['topic-unmatched'], /no topic template/],
  ['topic with too many levels', `${sensorTopic}/x`, '1', ['topic-unmatched'], /no topic template/],
  ['topic with a leading slash', `/${machineTopic}`, '1', ['topic-unmatched'], /no topic template/],
  ['empty machine', 'factory/north/l1/', '1', ['topic-unmatched'], /\{machine\} is empty/],
  [
    'control character in the machine',
    'factory/n/l/press-\n1',
    '{}',
    ['topic-unmatched'],
    /control character/,
  ],
  ['key separator in the machine', 'factory/n/l/press-|1', '{}', ['topic-unmatched'], /"\|"/],
  [
    'very long machine',
    `factory/n/l/press-${'x'.repeat(200)}`,
    '{}',
    ['topic-unmatched'],
    /characters, more than/,
  ],
  ['unknown machine', 'factory/n/l/robot-1', { temp: 1 }, ['unknown-machine'], /"robot-1".*`machines`/],
  ['machine __proto__', 'factory/n/l/__proto__', { temp: 1 }, ['unknown-machine'], /__proto__/],
  [
    'type not configured',
    'factory/n/l/lathe-1',
    { temp: 1 },
    ['unknown-machine-type'],
    /"lathe".*press, fan/,
  ],
  [
    'sensor not of the type',
    'factory/n/l/fan-1/temp',
    '1',
    ['unknown-sensor'],
    /"fan" has no sensor "temp".*rpm/,
  ],
  ['sensor constructor', 'factory/n/l/fan-1/constructor', '1', ['unknown-sensor'], /"constructor"/],
  ['empty payload', sensorTopic, '', ['not-json'], /empty/],
  ['broken JSON', machineTopic, '{"temp": 1', ['not-json'], /not JSON/],
  ['two values', sensorTopic, '1 2', ['not-json'], /not JSON/],
  ['a comma as decimal point', sensorTopic, '1,5', ['not-json'], /not JSON/],
  ['hexadecimal', sensorTopic, '0x10', ['not-json'], /not JSON/],
  ['bare NaN', sensorTopic, 'NaN', ['non-finite'], /NaN is not a finite number/],
  ['bare -Infinity', sensorTopic, '-Infinity', ['non-finite'], /not a finite/],
  [
    'NaN in an object, as Python writes it',
    machineTopic,
    '{"temp": NaN}',
    ['not-json'],
    /NaN and Infinity are not JSON/,
  ],
  ['1e400', sensorTopic, '1e400', ['non-finite'], /too large/],
  ['-1e400 in an object', machineTopic, '{"temp": -1e400, "vib": 1}', ['non-finite'], /"temp"/],
  [
    'overflow by conversion',
    'factory/n/l/press-1/vib',
    { value: 1.7e308, unit: 'm/s' },
    ['non-finite'],
    /"vib"/,
  ],
  ['invalid UTF-8', machineTopic, Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), ['not-utf8'], /UTF-8/],
  ['overlong UTF-8', sensorTopic, Buffer.from([0xc0, 0xb1]), ['not-utf8'], /UTF-8/],
  ['UTF-16', sensorTopic, Buffer.from('21.5', 'utf16le'), ['not-json'], /not JSON/],
  ['nested 100,000 deep', machineTopic, '['.repeat(100_000), ['too-deep'], /depthMax 8/],
  ['nested objects', machineTopic, `${'{"a":'.repeat(20)}1${'}'.repeat(20)}`, ['too-deep'], /depthMax/],
  [
    'brackets in a text are no nesting',
    machineTopic,
    { temp: '[[[[[[[[[[[[\\"[[[' },
    ['not-a-number'],
    /quotes/,
  ],
  ['huge payload', machineTopic, `[${'1,'.repeat(200_000)}1]`, ['payload-too-large'], /262144/],
  [
    'huge number of readings',
    machineTopic,
    `[${'1,'.repeat(20_000)}1]`,
    ['payload-too-large'],
    /readingsMax 10000/,
  ],
  ['a text for a number', machineTopic, { temp: '21.5' }, ['not-a-number'], /"21.5"; write a JSON number/],
  ['true for a number', sensorTopic, 'true', ['not-a-number'], /true/],
  ['null for a number', machineTopic, { temp: null }, ['not-a-number'], /leave the field out/],
  ['an array for a number', machineTopic, { temp: [1] }, ['not-a-number'], /\[1\]/],
  ['an object for a number', machineTopic, { temp: { value: 1 } }, ['not-a-number'], /"value"/],
  ['a number without a sensor', machineTopic, '5', ['wrong-shape'], /names no sensor/],
  ['a text', machineTopic, '"on"', ['wrong-shape'], /"on" names no sensor/],
  ['null', machineTopic, 'null', ['wrong-shape'], /null/],
  ['an empty object', machineTopic, '{}', ['wrong-shape'], /no reading in \{\}/],
  ['a time alone', machineTopic, { time: nowMs }, ['wrong-shape'], /no reading/],
  ['an empty array', machineTopic, '[]', ['wrong-shape'], /array is empty/],
  ['an array of numbers', sensorTopic, '[1,2]', ['wrong-shape', 'wrong-shape'], /element of the array is 1/],
  ['an array in an array', sensorTopic, '[[1]]', ['wrong-shape'], /\[1\]/],
  ['__proto__ as field', machineTopic, '{"__proto__": {"polluted": 1}}', ['unknown-sensor'], /"__proto__"/],
  [
    '__proto__ as field of a reading',
    sensorTopic,
    '{"__proto__": {"value": 1}}',
    ['wrong-shape'],
    /"__proto__"/,
  ],
  ['constructor as field', machineTopic, '{"constructor": 1}', ['unknown-sensor'], /"constructor"/],
  ['a field twice', machineTopic, '{"temp": 1, "temp": 2}', ['wrong-shape'], /occurs twice/],
  [
    'a field twice, once escaped',
    machineTopic,
    '{"temp": 1, "\\u0074emp": 2}',
    ['wrong-shape'],
    /occurs twice/,
  ],
  [
    'another name for the time',
    machineTopic,
    { timestamp: nowMs, temp: 1 },
    ['unknown-sensor'],
    /ingest.timeField to "timestamp"/,
  ],
  [
    'another name for the time of a value',
    sensorTopic,
    { ts: nowMs, value: 1 },
    ['wrong-shape'],
    /timeField to "ts"/,
  ],
  ['a value without value', sensorTopic, { val: 1 }, ['wrong-shape'], /"val" is not known/],
  ['a time without value', sensorTopic, { time: nowMs }, ['wrong-shape'], /"value" is missing/],
  [
    'unit unheard of',
    sensorTopic,
    { value: 1, unit: 'foo' },
    ['unknown-unit'],
    /"foo" is not a known unit.*degC/,
  ],
  [
    'unit of another quantity',
    sensorTopic,
    { value: 1, unit: 'bar' },
    ['unknown-unit'],
    /cannot be converted/,
  ],
  ['unit as a number', sensorTopic, { value: 1, unit: 5 }, ['unknown-unit'], /write it as text/],
  [
    'unit with a number in it',
    sensorTopic,
    { value: 1, unit: '5 degF' },
    ['unknown-unit'],
    /not a known unit/,
  ],
  [
    'unit for a sensor without one',
    'factory/n/l/press-1/count',
    { value: 1, unit: 'bar' },
    ['unknown-unit'],
    /has no unit/,
  ],
  ['very long unit', sensorTopic, { value: 1, unit: 'm'.repeat(5000) }, ['unknown-unit'], /…/],
  ['above the range', sensorTopic, '401', ['out-of-range'], /401 degC, above.*400/],
  [
    'below the range after conversion',
    sensorTopic,
    { value: -400, unit: 'degF' },
    ['out-of-range'],
    /-240.*below.*-50/,
  ],
  [
    'ns for ms',
    machineTopic,
    { time: nowMs * 1e6, temp: 1 },
    ['bad-time'],
    /looks like ns: set timeUnit to "ns"/,
  ],
  ['µs for ms', machineTopic, { time: nowMs * 1e3, temp: 1 }, ['bad-time'], /looks like us/],
  [
    's for ms',
    machineTopic,
    { time: nowMs / 1e3, temp: 1 },
    ['bad-time'],
    /looks like s: set timeUnit to "s"/,
  ],
  ['ms for s', machineTopic, { time: nowMs, temp: 1 }, ['bad-time'], /looks like ms/, { timeUnit: 's' }],
  ['ms for ns', machineTopic, { time: nowMs, temp: 1 }, ['bad-time'], /looks like ms/, { timeUnit: 'ns' }],
  [
    'ISO for ms',
    machineTopic,
    { time: '2024-05-01T06:00:00Z', temp: 1 },
    ['bad-time'],
    /set timeUnit to "iso"/,
  ],
  ['ms for ISO', machineTopic, { time: nowMs, temp: 1 }, ['bad-time'], /looks like ms/, { timeUnit: 'iso' }],
  [
    'ISO without offset',
    machineTopic,
    { time: '2024-05-01T06:00:00', temp: 1 },
    ['bad-time'],
    /offset/,
    { timeUnit: 'iso' },
  ],
  [
    '30 February',
    machineTopic,
    { time: '2024-02-30T06:00:00Z', temp: 1 },
    ['bad-time'],
    /offset/,
    { timeUnit: 'iso' },
  ],
  ['negative time', machineTopic, { time: -1, temp: 1 }, ['bad-time'], /not between 2000 and 2300/],
  ['a clock that was never set', machineTopic, { time: 1000, temp: 1 }, ['bad-time'], /clock set\?/],
  ['infinite time', machineTopic, '{"time": 1e400, "temp": 1}', ['bad-time'], /too large/],
  ['time null', machineTopic, { time: null, temp: 1, vib: 2 }, ['bad-time', 'bad-time'], /null/],
  ['time true', sensorTopic, { time: true, value: 1 }, ['bad-time'], /true/],
  [
    'time missing in an array',
    machineTopic,
    [{ temp: 1 }],
    ['bad-time'],
    /every element of an array needs its time/,
  ],
  [
    'an hour ahead',
    machineTopic,
    { time: nowMs + 3_600_000, temp: 1 },
    ['in-the-future'],
    /3600 s after its arrival/,
  ],
  [
    'a year old',
    machineTopic,
    { time: nowMs - 366 * 86_400_000, temp: 1 },
    ['too-old'],
    /tooOldMs/,
    { tooOldMs: '365d' },
  ],
  ['event that is a text', eventTopic, '"failure"', ['wrong-shape'], /\{"event": "failure"\}/],
  [
    'event of unknown kind',
    eventTopic,
    { event: 'explosion' },
    ['wrong-shape'],
    /"explosion"; write one of error/,
  ],
  ['event without kind', eventTopic, {}, ['wrong-shape'], /nothing/],
  [
    'event with __proto__',
    eventTopic,
    '{"event":"failure","__proto__":{}}',
    ['wrong-shape'],
    /"__proto__" is not known/,
  ],
  [
    'event with an unknown field',
    eventTopic,
    { event: 'failure', severity: 1 },
    ['wrong-shape'],
    /"severity" is not known/,
  ],
  ['error of unknown code', eventTopic, { event: 'error', code: 'E9' }, ['unknown-event-code'], /E1, E2/],
  ['error without code', eventTopic, { event: 'error' }, ['unknown-event-code'], /eventCodes/],
  [
    'maintenance of unknown kind',
    eventTopic,
    { event: 'maintenance', code: 'E1' },
    ['unknown-event-code'],
    /pump, seal/,
  ],
  [
    'feedback of unknown kind',
    eventTopic,
    { event: 'feedback', code: 'yes' },
    ['unknown-event-code'],
    /true, false or unclear/,
  ],
  [
    'a failure of an alert',
    eventTopic,
    { event: 'failure', alert: 'near/press-1/0' },
    ['wrong-shape'],
    /"alert" is for feedback only/,
  ],
  [
    'acknowledgement of nothing',
    eventTopic,
    { event: 'acknowledge' },
    ['unknown-event-code'],
    /key of its alert/,
  ],
  ['event code as a number', eventTopic, { event: 'error', code: 1 }, ['wrong-shape'], /text in quotes/],
  [
    'event with an endless comment',
    eventTopic,
    { event: 'failure', comment: 'x'.repeat(3000) },
    ['wrong-shape'],
    /3000 characters/,
  ],
  [
    'event in the future',
    eventTopic,
    { event: 'failure', time: nowMs + 1e9 },
    ['in-the-future'],
    /after its arrival/,
  ],
  ['events, one without time', eventTopic, [{ event: 'failure' }], ['bad-time'], /every element/],
];

describe('messages that are refused, each with its reason', () => {
  for (const [name, topic, payload, reasons, detail, config] of nasty)
    it(name, () => {
      const message = parse(topic, payload, config ?? {});
      assert.deepEqual(
        message.rejected.map((record) => record.reason),
        reasons,
      );
      assert.match(message.rejected[0]?.detail ?? '', detail);
      for (const record of message.rejected) {
        assert.ok(Buffer.byteLength(record.payload) <= 1024);
        assert.ok(record.detail.length < 600, record.detail);
        assert.equal(record.ingestTimeMs, nowMs);
      }
      assert.equal(({} as Record<string, unknown>).polluted, undefined);
    });

  it('takes the good readings of a message and refuses each bad one by itself', () => {
    const message = parse(machineTopic, [
      { time: nowMs, temp: 1, vib: 'x', nope: 1 },
      7,
      { time: 'yesterday', temp: 1, vib: 2 },
      { time: nowMs - 1, temp: 9999, pressure: 3 },
    ]);
    assert.deepEqual(readings(message), [
      ['temp', 0, 1],
      ['pressure', -1, 3],
    ]);
    assert.deepEqual(
      message.rejected.map((record) => record.reason),
      ['not-a-number', 'unknown-sensor', 'wrong-shape', 'bad-time', 'bad-time', 'out-of-range'],
    );
    assert.equal(message.rejected[0]?.payload, `{"time":${nowMs},"vib":"x"}`);
  });

  it('keeps no more than 1,024 bytes of a payload, whole characters only', () => {
    const [record] = parse(machineTopic, `"${'€'.repeat(2000)}`).rejected;
    assert.ok(Buffer.byteLength(record?.payload ?? '') <= 1024);
    assert.ok(Buffer.byteLength(record?.payload ?? '') > 1000);
  });

  it('cannot be made to write much more than it was sent', () => {
    const item = `{"time":"${'x'.repeat(100_000)}",${Array.from({ length: 5000 }, (_, i) => `"f${i}":0`).join()}}`;
    const message = parse(machineTopic, item);
    assert.equal(message.rejected.length, 5000);
    assert.ok(message.rejected.every((record) => record.payload.length < 250 && record.detail.length < 300));
  });
});
