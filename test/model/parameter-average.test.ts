import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ParameterAverage } from '../../model/optimizers/parameter-average.js';

test('parameters that stand still are their own mean', () => {
  const average = new ParameterAverage(0.98);
  for (let step = 0; step < 50; step++)
    assert.deepEqual([...average.add(Float32Array.of(1, -2))], [1, -2], `step ${step}`);
});

test('the mean of parameters that swing to and fro is nearer to the middle than any of them', () => {
  const average = new ParameterAverage(0.98);
  let last = Number.NaN;
  for (let step = 0; step < 400; step++)
    last = average.add(Float32Array.of(step % 2 === 0 ? 1 : -1))[0] as number;
  assert.ok(Math.abs(last) < 0.05, `${last}`);
});

test('the first parameters are forgotten within a few steps, long before the decay alone would', () => {
  const average = new ParameterAverage(0.98);
  average.add(Float32Array.of(100));
  let last = Number.NaN;
  for (let step = 0; step < 40; step++) last = average.add(Float32Array.of(0))[0] as number;
  assert.ok(last < 0.1, `${last}; the decay alone would leave ${100 * 0.98 ** 40}`);
});

test('a decay of 0 keeps the newest parameters', () => {
  const average = new ParameterAverage(0);
  average.add(Float32Array.of(5));
  assert.deepEqual([...average.add(Float32Array.of(7))], [7]);
});
