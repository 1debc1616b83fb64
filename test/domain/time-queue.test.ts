// The queue of items by time. Method: random puts, changes and removals beside a list that is sorted anew each time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rng } from '../../domain/rng.js';
import { TimeQueue } from '../../domain/time-queue.js';

test('the queue gives out what was put in, in order of time and then of entry', () => {
  const rng = new Rng(3);
  const queue = new TimeQueue<number>();
  const times = Array.from({ length: 2000 }, () => rng.int(300));
  times.forEach((timeMs, index) => {
    queue.set(index, timeMs);
  });
  const expected = times
    .map((timeMs, index) => ({ timeMs, index }))
    .sort((a, b) => a.timeMs - b.timeMs || a.index - b.index)
    .map(({ index }) => index);
  const early = [...queue.takeBefore(150)];
  const rest = [...queue.takeBefore(Number.POSITIVE_INFINITY)];
  assert.ok(early.every((index) => (times[index] as number) < 150));
  assert.ok(rest.every((index) => (times[index] as number) >= 150));
  assert.deepEqual([...early, ...rest], expected);
});

test('times change and items go, and the first is the first at every moment', () => {
  const rng = new Rng(4);
  const queue = new TimeQueue<number>();
  const known = new Map<number, number>();
  for (let turn = 0; turn < 5000; turn++) {
    const item = rng.int(60);
    const what = rng.int(10);
    if (what < 6) {
      const timeMs = rng.int(1000);
      queue.set(item, timeMs);
      known.set(item, timeMs);
    } else if (what < 9) {
      queue.delete(item);
      known.delete(item);
    } else {
      const timeMs = queue.firstMs + rng.int(30);
      const taken = [...queue.takeBefore(timeMs)];
      const wanted = [...known].filter(([, at]) => at < timeMs);
      assert.deepEqual(
        taken.map((one) => known.get(one)),
        wanted.map(([, at]) => at).sort((a, b) => a - b),
      );
      assert.deepEqual(new Set(taken), new Set(wanted.map(([one]) => one)));
      for (const one of taken) known.delete(one);
    }
    assert.equal(queue.firstMs, Math.min(...known.values()));
  }
});
