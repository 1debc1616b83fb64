// What rules are told of sensors is what the readings say: steps of the present life only, missing ones left out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Measure, measureKey } from '../../domain/measure.js';
import { Rng } from '../../domain/rng.js';
import { makeMeasurer } from '../../stream/measurer.js';

const contextSteps = 12;
const spec = {
  machineType: 'pump',
  names: ['temp.mean', 'vib.mean'],
  units: ['', ''],
  settingColumns: [],
  windowSteps: 6,
  contextSteps,
  horizonSteps: 5,
};
const value: Measure = { kind: 'value', feature: 'vib.mean' };
const drift: Measure = { kind: 'drift', feature: 'vib.mean', steps: 3 };

/** `series` are the newest steps of the present life; what lies before them is of another. */
function told(series: readonly number[], measure: Measure): number | null | undefined {
  const column = [...Array.from({ length: contextSteps - series.length }, () => 1e9), ...series];
  const rows = Float32Array.from(column.flatMap((each) => [-1, each]));
  return makeMeasurer(spec, [measure])({ rows, stepCount: series.length })[measureKey(measure)];
}

test('a value is that of the newest step, and none where that has no reading', () => {
  assert.equal(told([1, 2, 3.1], value), 3.1);
  assert.equal(told([1, 2, Number.NaN], value), null);
});

test('drift is the shift of the mean in standard deviations, by hand', () => {
  // Before: 1, 2, 3 with mean 2 and deviation 1; newest: 5, 6, 7 with mean 6.
  assert.equal(told([1, 2, 3, 5, 6, 7], drift), 4);
  assert.equal(told([1, 2, 3, 5, Number.NaN, 7], drift), 4);
  assert.equal(told([1, 2, 3, 0, -1, -2], drift), -3);
});

test('drift cannot be told without enough steps before, without new ones, or where nothing varies', () => {
  assert.equal(told([1, 2, 5, 6, 7], drift), null);
  assert.equal(told([1, Number.NaN, 3, 5, 6, 7], drift), null);
  assert.equal(told([1, 2, 3, Number.NaN, Number.NaN, Number.NaN], drift), null);
  assert.equal(told([2, 2, 2, 5, 6, 7], drift), null);
});

test('of steady noise, drift over 3 of 12 steps has the spread that statistics says', () => {
  const rng = new Rng(3);
  const draws = Array.from({ length: 4000 }, () =>
    Number(
      told(
        Array.from({ length: contextSteps }, () => 50 + 2 * rng.normal()),
        drift,
      ),
    ),
  );
  // The shift over its own standard error, √(1/3 + 1/9), is a t of 8 degrees of freedom, whose variance is 8/6.
  const wanted = (1 / 3 + 1 / 9) * (8 / 6);
  const got = draws.reduce((sum, each) => sum + each * each, 0) / draws.length;
  assert.ok(Math.abs(got / wanted - 1) < 0.1, `${got} for ${wanted}`);
});
