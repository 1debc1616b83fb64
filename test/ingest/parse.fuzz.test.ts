// Structured garbage through Ingest: nothing throws or stalls, every item has one outcome with a known reason.
// MILLWRIGHT_FUZZ_SEED repeats a run, MILLWRIGHT_FUZZ_RUNS changes its length.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { randomInt } from 'node:crypto';
import { it } from 'node:test';
import fc from 'fast-check';
import { rejectReasons } from '../../domain/input.js';
import { makeIngest, nowMs, press } from './plant.js';

const seed = Number(process.env.MILLWRIGHT_FUZZ_SEED ?? randomInt(2 ** 31));
const runs = Number(process.env.MILLWRIGHT_FUZZ_RUNS ?? 25_000);

/** JSON text of a number, where JSON.stringify could not write it. */
const numberText = fc.oneof(
  { weight: 6, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String) },
  { weight: 6, arbitrary: fc.integer({ min: -100, max: 600 }).map(String) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('1e400', '-1e400', '1e-400', '-0', '1e308', '123456789012345678901234567890'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('NaN', 'Infinity', '-Infinity', '0x1F', '01', '1.', '.5', '+1', "'1'"),
  },
);
const timeText = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: nowMs - 1e9, max: nowMs + 200_000 }).map(String) },
  fc.constantFrom(nowMs / 1000, nowMs * 1000, nowMs * 1e6, nowMs + 1e9, -1, 0, 1.7e308).map(String),
  fc.constantFrom('"2024-05-01T06:00:00Z"', '"yesterday"', 'null', 'true', '{}', '[]', '1e400', '""'),
);
const nested = fc
  .tuple(fc.integer({ min: 0, max: 3000 }), fc.boolean(), fc.boolean())
  .map(([depth, list, closed]) => {
    const open = list ? '[' : '{"a":';
    return open.repeat(depth) + (closed ? `1${(list ? ']' : '}').repeat(depth)}` : '');
  });
const anyText = fc.oneof(
  { weight: 5, arbitrary: numberText },
  { weight: 2, arbitrary: fc.json({ maxDepth: 4 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)) },
  { weight: 1, arbitrary: nested },
);
const nameText = fc
  .oneof(
    { weight: 8, arbitrary: fc.constantFrom('temp', 'vib', 'pressure', 'count', 'value', 'unit') },
    {
      weight: 2,
      arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', 'time', 'ts', ''),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  )
  .map((name) => JSON.stringify(name));
const member = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(nameText, anyText) },
  { weight: 2, arbitrary: timeText.map((time): [string, string] => ['"time"', time]) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('degF', 'bar', 'K', 'foo', '', '__proto__', 'm'.repeat(300))
      .map((unit): [string, string] => ['"unit"', JSON.stringify(unit)]),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('failure', 'error', 'maintenance', 'boom', '__proto__')
      .map((event): [string, string] => ['"event"', JSON.stringify(event)]),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('E1', 'E9', 'pump', '', 'constructor')
      .map((code): [string, string] => ['"code"', JSON.stringify(code)]),
  },
);
const objectText = fc
  .array(member, { maxLength: 6 })
  .map((members) => `{${members.map(([name, value]) => `${name}:${value}`).join()}}`);
const arrayText = fc
  .array(fc.oneof({ weight: 5, arbitrary: objectText }, anyText), { maxLength: 5 })
  .map((items) => `[${items.join()}]`);
const goodText = fc
  .array(
    fc.record({
      time: fc.integer({ min: nowMs - 1e9, max: nowMs }),
      temp: fc.double({ min: -50, max: 400, noNaN: true }),
      vib: fc.double({ noNaN: true, noDefaultInfinity: true }),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((items) => JSON.stringify(items));

const text = fc.oneof(
  { weight: 4, arbitrary: objectText },
  { weight: 3, arbitrary: arrayText },
  { weight: 2, arbitrary: goodText },
  { weight: 2, arbitrary: anyText },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
);
/** Text as it is, cut, with a byte changed, or blown up. */
const payload = fc.oneof(
  { weight: 10, arbitrary: text.map((whole) => Buffer.from(whole)) },
  {
    weight: 2,
    arbitrary: fc.tuple(text, fc.nat(200)).map(([whole, at]) => Buffer.from(whole).subarray(0, at)),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(text, fc.nat(), fc.nat(255)).map(([whole, at, byte]) => {
      const raw = Buffer.from(whole);
      if (raw.length > 0) raw[at % raw.length] = byte;
      return raw;
    }),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 64 }).map((raw) => Buffer.from(raw)) },
);
const level = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('press-1', 'fan-2', 'lathe-3', 'robot', 'typed-1', 'temp', 'rpm', 'event'),
  },
  { weight: 1, arbitrary: fc.constantFrom('', '__proto__', '+', '#', 'x'.repeat(500), 'a|b', '\u0000') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
);
const topic = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      'factory/n/l/press-1',
      'factory/n/l/press-1/temp',
      'factory/n/l/press-1/event',
    ),
  },
  {
    weight: 4,
    arbitrary: fc.array(level, { maxLength: 3 }).map((levels) => ['factory', 'n', 'l', ...levels].join('/')),
  },
  { weight: 1, arbitrary: fc.array(level, { maxLength: 9 }).map((levels) => levels.join('/')) },
  { weight: 1, arbitrary: fc.constantFrom('', '/', 'millwright/clock', 'millwright/x', '$SYS/x') },
);

/** Messages of the right form, with a fault here and there: what misconfigured gateways send. */
const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const time = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: nowMs - 1e9, max: nowMs + 200_000 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(nowMs / 1000, nowMs * 1e6, nowMs + 1e9, nowMs - 2e10, 'noon', null),
  },
);
const value = fc.oneof(
  { weight: 5, arbitrary: fc.double({ min: -60, max: 450, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom('5', true, null, [1], 1e300) },
);
const single = fc.record({
  value: optional(value),
  time: optional(time),
  unit: optional(fc.constantFrom('degF', 'K', 'degC', 'bar', 'foo', 5)),
});
const event = fc.record({
  event: fc.constantFrom('error', 'maintenance', 'failure', 'retired', 'acknowledge', 'feedback', 'boom'),
  code: optional(fc.constantFrom('E1', 'E9', 'pump', 'true', '', 'x'.repeat(600))),
  time: optional(time),
  by: optional(fc.constantFrom('Ada', 7)),
  comment: optional(fc.string({ unit: 'binary' })),
});
const row = fc.record({
  time: optional(time),
  temp: optional(value),
  vib: optional(value),
  rpm: optional(value),
});
function oneOrMany<T>(item: fc.Arbitrary<T>): fc.Arbitrary<Buffer> {
  return fc.oneof(item, fc.array(item, { maxLength: 4 })).map((json) => Buffer.from(JSON.stringify(json)));
}
const nearlyGood = fc.oneof(
  fc.tuple(fc.constantFrom('factory/n/l/press-1/temp', 'factory/n/l/press-1/count'), oneOrMany(single)),
  fc.tuple(fc.constant('factory/n/l/press-1/event'), oneOrMany(event)),
  fc.tuple(fc.constantFrom('factory/n/l/press-1', 'factory/n/l/fan-2'), oneOrMany(row)),
);
const message: fc.Arbitrary<[string, Buffer]> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(topic, payload) },
  { weight: 2, arbitrary: nearlyGood },
);

it(`survives ${runs} messages of structured garbage (seed ${seed})`, async (context) => {
  const protoBefore = Object.getOwnPropertyNames(Object.prototype).sort().join();
  const known = new Set<string>(rejectReasons);
  const bounds = new Map(press.sensors.map((sensor) => [sensor.name, sensor]));
  const { ingest, log } = makeIngest({ tooOldMs: '30d', payloadBytesMax: 4096 });
  const sums = { received: 0, accepted: 0, rejected: 0 };
  await fc.assert(
    fc.asyncProperty(message, async ([name, raw]) => {
      log.records.length = 0;
      const outcome = await ingest.handle(name, raw);
      assert.equal(outcome.received, outcome.accepted + outcome.rejected.length);
      if (!name.startsWith('millwright/')) assert.ok(outcome.received >= 1, 'every message has an outcome');
      assert.ok(outcome.rejected.every((reason) => known.has(reason)));
      let logged = 0;
      for (const { record } of log.of('inputs')) {
        if (record.kind === 'event') logged++;
        if (record.kind !== 'readings') continue;
        logged += record.values.length;
        assert.equal(record.sensors.length, record.values.length);
        assert.equal(record.timesMs.length, record.values.length);
        record.values.forEach((value, i) => {
          assert.ok(Number.isFinite(value), 'accepted values are finite');
          assert.ok(Number.isSafeInteger(record.timesMs[i]), 'accepted times are whole milliseconds');
          const sensor = record.type === 'press' ? bounds.get(record.sensors[i] as string) : undefined;
          assert.ok(sensor || record.type === 'fan', 'accepted sensors belong to the type');
          if (sensor?.outOfRange === 'reject')
            assert.ok(value >= (sensor.min ?? -Infinity) && value <= (sensor.max ?? Infinity));
        });
      }
      assert.equal(logged, outcome.accepted, 'what was accepted is in the log');
      const rejected = log.rejected();
      assert.deepEqual(
        rejected.map((record) => record.reason),
        outcome.rejected,
      );
      for (const record of rejected) {
        assert.ok(Buffer.byteLength(record.payload) <= 1024);
        assert.ok(record.detail.length > 10 && record.detail.length < 1000);
      }
      sums.received += outcome.received;
      sums.accepted += outcome.accepted;
      sums.rejected += outcome.rejected.length;
    }),
    { seed, numRuns: runs },
  );
  const counters = ingest.counters();
  assert.equal(Object.getOwnPropertyNames(Object.prototype).sort().join(), protoBefore);
  assert.deepEqual(
    { received: counters.received, accepted: counters.accepted },
    { received: sums.received, accepted: sums.accepted },
  );
  assert.equal(
    Object.values(counters.rejected).reduce((sum, count) => sum + count, 0),
    sums.rejected,
  );
  // The garbage must not be so bad that nothing but one reason is ever seen.
  const missing = rejectReasons.filter((reason) => reason !== 'late' && counters.rejected[reason] === 0);
  context.diagnostic(`seed ${seed}: ${JSON.stringify({ ...sums, reasons: counters.rejected })}`);
  assert.ok(sums.accepted > runs / 10, `${sums.accepted} accepted`);
  if (runs >= 20_000) assert.deepEqual(missing, [], 'reasons that no message met');
});
