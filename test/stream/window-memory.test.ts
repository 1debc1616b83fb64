import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WindowMemory } from '../../stream/window-memory.js';

const lengths = [5_000, 300_000, 7, 250_000, 600_000, 1];

function overlap(a: Float32Array, b: Float32Array): boolean {
  return (
    a.buffer === b.buffer &&
    a.byteOffset < b.byteOffset + b.byteLength &&
    b.byteOffset < a.byteOffset + a.byteLength
  );
}

test('what was taken and not released is nobody else’s', () => {
  const memories = [new WindowMemory(), new WindowMemory()];
  for (let round = 0; round < 3; round++) {
    const taken = memories.flatMap((memory) => lengths.map((length) => memory.take(length)));
    taken.forEach((window, index) => {
      assert.equal(window.length, lengths[index % lengths.length]);
      for (const other of taken.slice(index + 1)) assert.ok(!overlap(window, other));
    });
    for (const memory of memories) memory.release();
  }
});

test('released memory is used again, also by others', () => {
  const memory = new WindowMemory();
  const first = memory.take(10).buffer;
  memory.release();
  assert.equal(memory.take(20).buffer, first);
  memory.release();
  assert.equal(new WindowMemory().take(30).buffer, first);
});
