import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sideBySide } from '../../app/trials/side-by-side.js';

describe('side by side', () => {
  const never = new AbortController().signal;

  it('keeps the order of the items and no more than so many at a time', async () => {
    let running = 0;
    let most = 0;
    const results = await sideBySide([5, 1, 3, 2], 2, never, async (ms) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, ms));
      running -= 1;
      return ms * 2;
    });
    assert.deepEqual(results, [10, 2, 6, 4]);
    assert.equal(most, 2);
  });

  it('ends with the first failure, after the others have been told and have ended', async () => {
    let ended = 0;
    await assert.rejects(
      sideBySide([0, 1, 2, 3], 2, never, async (item, signal) => {
        if (item === 1) throw new Error('no');
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        ended += 1;
        signal.throwIfAborted();
      }),
      /no/,
    );
    assert.equal(ended, 1);
  });
});
