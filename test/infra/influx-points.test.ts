import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ForecastRecord } from '../../domain/forecast.js';
import { machineTypeSchema } from '../../domain/machine-type.js';
import { encodeBatch, StepEnds } from '../../infra/influx/batch.js';
import { nanoseconds, point, tagSet, tagValue, Whole } from '../../infra/influx/line-protocol.js';
import { forecastOf, stepOf, storeBatch } from '../conformance/store.js';

const dayMs = 86_400_000;

describe('line protocol', () => {
  it('never writes what is not finite, nor a point without fields', () => {
    const fields = {
      a: Number.NaN,
      b: Infinity,
      c: -Infinity,
      d: null,
      e: undefined,
      f: new Whole(Number.NaN),
    };
    assert.equal(point('m', '', fields, '1'), undefined);
    assert.equal(
      point('m', '', { ...fields, g: 0.1, h: new Whole(3), i: true, j: '' }, '1'),
      'm g=0.1,h=3i,i=true,j="" 1',
    );
  });

  it('escapes names and text, and keeps every line in one piece', () => {
    assert.equal(tagSet({ machine: 'a b,c=d', site: '' }), ',machine=a\\ b\\,c\\=d');
    assert.equal(tagValue('a\\b\n%'), 'a%5Cb%0A%25');
    assert.equal(point('m', '', { 'x.y z': 'say "\\"\r\nthen' }, '1'), 'm x.y\\ z="say \\"\\\\\\" then" 1');
  });

  it('writes exact nanoseconds, before 1970 too, and never leaves what InfluxDB can date', () => {
    assert.equal(nanoseconds(1_700_000_000_123, 7), '1700000000123000007');
    assert.equal(nanoseconds(0, 7), '7');
    assert.equal(nanoseconds(-1, 7), '-999993');
    assert.equal(nanoseconds(5, 12_345_678), '5999999');
    assert.equal(nanoseconds(Number.MAX_SAFE_INTEGER), '9223372036854000000');
    assert.equal(nanoseconds(-Infinity), '-9223372036854000000');
  });
});

describe('points of a batch', () => {
  const press = machineTypeSchema.parse({
    name: 'press',
    sensors: [{ name: 'temp' }, { name: 'vib' }],
    step: { kind: 'calendar-day', timeZone: 'Europe/Berlin' },
  });
  const types = new Map([['press', press]]);

  /** Lines of the curve as `day of the plant's calendar → day of the origin`. */
  function curve(forecasts: readonly ForecastRecord[], stored?: ForecastRecord): Map<number, number> {
    const lines = encodeBatch(storeBatch({ forecasts }), {
      types: new Map(),
      sensorFields: [],
      ends: new StepEnds(new Map()),
      newest: () => stored,
    });
    const found = new Map<number, number>();
    for (const line of lines) {
      const match = /^failure_curve.* issued_at=(\d+)i,probability=\S+ (\d+)000000$/.exec(line);
      if (!match) continue;
      const day = Math.round((Number(match[2]) - Date.UTC(2024, 0, 1)) / dayMs);
      assert(!found.has(day), `day ${day} is written once`);
      found.set(day, Math.round((Number(match[1]) - Date.UTC(2024, 0, 1)) / dayMs));
    }
    return found;
  }
  const short = (day: number) => forecastOf('a', day, { probabilities: [0.1, 0.2, 0.3] });

  it('each day of the curve is from the newest forecast that speaks of it, in whatever order they come', () => {
    const wanted = [
      [1, 0],
      [2, 1],
      [3, 1],
      [4, 1],
    ];
    for (const order of [
      [short(0), short(1)],
      [short(1), short(0)],
    ])
      assert.deepEqual([...curve(order)].sort(), wanted);
  });

  it('a late revision leaves the days alone that the stored forecast speaks of', () => {
    assert.deepEqual([...curve([short(0)], short(2))].sort(), [
      [1, 0],
      [2, 0],
    ]);
    assert.deepEqual([...curve([short(2)], short(2))].length, 3, 'written again');
  });

  it('days of the curve end when the days of the plant end, clock changes included', () => {
    const originMs = Date.parse('2024-03-29T23:00Z'); // midnight in Berlin; clocks change on the 31st
    const ends = new StepEnds(types).after(forecastOf('a', 0, { originMs, probabilities: [0.1, 0.2, 0.3] }));
    assert.deepEqual(
      ends.map((ms) => new Date(ms).toISOString().slice(0, 16)),
      ['2024-03-30T23:00', '2024-03-31T22:00', '2024-04-01T22:00'],
    );
  });

  it('a curve of a health index has names of its own', () => {
    const lines = encodeBatch(storeBatch({ forecasts: [forecastOf('a', 0, { curve: 'health-limit' })] }), {
      types,
      sensorFields: [],
      ends: new StepEnds(types),
      newest: () => undefined,
    });
    assert(!lines.some((line) => /[ ,](p07|p30|probability)=/.test(line)));
    assert.match(lines[0] ?? '', /limit07=.*limit14=.*limit30=/);
  });

  it('a step shows the aggregates of its sensors by their names', () => {
    const sensor = {
      count: 2,
      mean: 1.5,
      m2: 0,
      min: 1,
      max: 2,
      firstOffsetMs: 0,
      first: 1,
      lastOffsetMs: 1,
    };
    const full = { ...sensor, last: 2, timeMean: 0, timeM2: 0, timeValueM: 0, outOfRangeCount: 1 };
    const [line = ''] = encodeBatch(
      storeBatch({
        steps: [stepOf('a', 0, { sensors: [null, full], coverage: [0, 1], stuck: [false, true] })],
      }),
      { types, sensorFields: ['mean', 'max'], ends: new StepEnds(types), newest: () => undefined },
    );
    assert.match(
      line,
      /^machine_step,line=a,machine=a,site=north,type=press vib\.mean=1\.5,vib\.max=2,coverage=0\.5,final=true,out_of_range=1i,readings=2i,.*silent=1i,stuck=1i \d+$/,
    );
  });
});
