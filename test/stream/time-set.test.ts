import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rng } from '../../domain/rng.js';
import { ByteReader, ByteWriter } from '../../stream/bytes.js';
import { SensorTimes } from '../../stream/sensor-times.js';
import { TimeSet } from '../../stream/time-set.js';
import { scale, seed } from './random-history.js';

const caseCount = Math.ceil(2000 * scale);

function storedBytes(set: TimeSet): number {
  const writer = new ByteWriter();
  set.write(writer);
  return writer.finish().length;
}

test(`a TimeSet answers like a Set, whatever the order (${caseCount} cases, seed ${seed})`, () => {
  for (let index = 0; index < caseCount; index++) {
    const rng = new Rng(seed + index);
    const expected = new Set<number>();
    let set = new TimeSet();
    const range = 2 + rng.int(80);
    const interval = 1 + rng.int(5);
    for (let k = 0; k < 60; k++) {
      const time = rng.uniform() < 0.5 ? k * interval : rng.int(range) * (rng.uniform() < 0.5 ? interval : 1);
      assert.equal(set.add(time), !expected.has(time), `case ${seed + index}: adding ${time}`);
      expected.add(time);
      if (rng.uniform() < 0.1) {
        const writer = new ByteWriter();
        set.write(writer);
        set = TimeSet.read(new ByteReader(writer.finish()));
      }
    }
    const sorted = [...expected].sort((a, b) => a - b);
    assert.equal(set.size, sorted.length);
    assert.equal(set.newest, sorted.at(-1));
    sorted.forEach((time, at) => {
      assert.equal(set.at(at), time, `case ${seed + index}: at ${at}`);
    });
    for (let time = 0; time < 400; time++) assert.equal(set.has(time), expected.has(time));
    const count = rng.int(sorted.length + 1);
    const prefix = set.prefix(count);
    for (let time = 0; time < 400; time++)
      assert.equal(prefix.has(time), sorted.indexOf(time) >= 0 && sorted.indexOf(time) < count);
  }
});

test('a day of readings at a regular pace is a few bytes, in whichever order they come', () => {
  const times = Array.from({ length: 1440 }, (_, minute) => minute * 60_000);
  const inOrder = new TimeSet();
  for (const time of times) inOrder.add(time);
  assert.ok(storedBytes(inOrder) < 12, `${storedBytes(inOrder)} bytes in order`);

  const backwards = new TimeSet();
  for (const time of times.toReversed()) backwards.add(time);
  assert.ok(storedBytes(backwards) < 12, `${storedBytes(backwards)} bytes backwards`);

  const withGapFilledLater = new TimeSet();
  for (const time of [...times.slice(0, 300), ...times.slice(900), ...times.slice(300, 900)])
    withGapFilledLater.add(time);
  assert.ok(storedBytes(withGapFilledLater) < 12, `${storedBytes(withGapFilledLater)} bytes with backlog`);
});

test(`sensors that share times, and those that do not, are told apart exactly (${caseCount} cases, seed ${seed})`, () => {
  for (let index = 0; index < caseCount; index++) {
    const rng = new Rng(seed + index);
    const sensorCount = 1 + rng.int(4);
    const expected = new Set<string>();
    let times = new SensorTimes(sensorCount);
    for (let k = 0; k < 30; k++) {
      const time = rng.uniform() < 0.8 ? k * 10 + rng.int(2) : rng.int(300);
      for (let sensor = 0; sensor < sensorCount; sensor++) {
        if (rng.uniform() < 0.1) continue;
        const key = `${sensor}|${time}`;
        assert.equal(times.add(sensor, time), !expected.has(key), `case ${seed + index}: ${key}`);
        expected.add(key);
      }
      if (rng.uniform() < 0.2) {
        const writer = new ByteWriter();
        times.write(writer);
        times = SensorTimes.read(new ByteReader(writer.finish()), sensorCount);
      }
    }
  }
});
