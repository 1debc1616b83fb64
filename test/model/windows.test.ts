import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FeatureSpec, History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { BatchSource, fillWindow, remainingLifeShares } from '../../model/windows.js';

const spec: FeatureSpec = {
  machineType: 't',
  names: ['step.mean', 'twice.mean'],
  units: ['', ''],
  settingColumns: [],
  windowSteps: 3,
  contextSteps: 5,
  horizonSteps: 4,
};

/** Row i holds [i, 2i]; `failsAfter` days after the last row, or never known to. */
function line(stepCount: number, failsAfter?: number): History {
  const left = (step: number) => stepCount - 1 - step + (failsAfter ?? 0);
  return {
    machine: `m${stepCount}`,
    rows: Float32Array.from({ length: 2 * stepCount }, (_, index) =>
      index % 2 === 0 ? index / 2 : index - 1,
    ),
    stepCount,
    originsMs: new Float64Array(stepCount),
    eventDay: Uint8Array.from({ length: stepCount }, (_, step) =>
      failsAfter !== undefined && left(step) >= 1 && left(step) <= 4 ? left(step) : 0,
    ),
    knownDays: Uint8Array.from({ length: stepCount }, (_, step) => Math.min(4, left(step))),
  };
}

describe('windows', () => {
  it('of serving and validation end at their origin, with empty rows before the history', () => {
    const rows = new Float32Array(10);
    fillWindow(rows, spec, { history: line(9), step: 1 });
    assert.deepEqual([...rows], [NaN, NaN, NaN, NaN, NaN, NaN, 0, 0, 1, 2]);
    fillWindow(rows, spec, { history: line(9), step: 7 });
    assert.deepEqual([...rows], [3, 6, 4, 8, 5, 10, 6, 12, 7, 14]);
  });

  it('of training give every row its own labels, and rows that are not there none', () => {
    for (const history of [line(1, 1), line(2, 1), line(4, 2), line(9, 1), line(12)]) {
      const source = new BatchSource(spec, [history], 10, new Rng(1));
      const size = 200;
      const shares = remainingLifeShares(history, 10);
      const { windows, eventDay, knownDays, lifeShare, lifeWeight } = source.draw(size);
      for (let b = 0; b < size; b++)
        for (let t = 0; t < spec.windowSteps; t++) {
          const step = windows[
            (b * spec.contextSteps + spec.contextSteps - spec.windowSteps + t) * 2
          ] as number;
          const row = t * size + b;
          if (t === 0) assert.ok(!Number.isNaN(step), 'the network starts at a real row');
          const real = !Number.isNaN(step);
          assert.equal(eventDay[row], real ? history.eventDay[step] : 0);
          assert.equal(knownDays[row], real ? history.knownDays[step] : 0);
          const known = real && !Number.isNaN(shares[step]);
          assert.equal(lifeWeight[row], known ? 1 : 0);
          assert.equal(lifeShare[row], known ? shares[step] : 0);
          // What the network and the smoothing see before it is what they would see live, or less of it.
          for (let back = 1; back <= spec.contextSteps - spec.windowSteps + t; back++) {
            const at = (b * spec.contextSteps + spec.contextSteps - spec.windowSteps + t - back) * 2;
            if (real && step - back >= 0 && !Number.isNaN(windows[at]))
              assert.equal(windows[at], step - back);
          }
        }
    }
  });

  it('of training show the last rows of a life as often as those in its middle', () => {
    const history = line(40, 1);
    const counts = new Float64Array(40);
    const { windows } = new BatchSource(spec, [history], 10, new Rng(1)).draw(20_000);
    for (let b = 0; b < 20_000; b++)
      for (let t = 2; t < 5; t++) {
        const step = windows[(b * 5 + t) * 2] as number;
        if (!Number.isNaN(step)) counts[step] = (counts[step] as number) + 1;
      }
    const [last, middle] = [counts[39] as number, counts[20] as number];
    assert.ok(last > 0.85 * middle && last < 1.15 * middle, `${last} and ${middle}`);
  });

  it('of training start after silent steps at the start of a life, as serving does', () => {
    const history = line(6, 1);
    history.rows.fill(NaN, 0, 4);
    const { windows } = new BatchSource(spec, [history], 10, new Rng(1)).draw(100);
    for (let b = 0; b < 100; b++) {
      const first = windows[(b * 5 + 2) * 2] as number;
      // Windows that end in the silence have nothing to start from.
      const any = windows.subarray(b * 10, (b + 1) * 10).some((value) => !Number.isNaN(value));
      if (any) assert.ok(first >= 2, String(first));
    }
  });
});

describe('remaining life', () => {
  it('counts down to each failure, capped', () => {
    assert.deepEqual(
      [...remainingLifeShares(line(6, 1), 4)].map((share) => share * 4),
      [4, 4, 4, 3, 2, 1],
    );
    const repaired = line(5);
    repaired.eventDay[1] = 2;
    repaired.eventDay[2] = 1;
    repaired.knownDays[1] = 2;
    repaired.knownDays[2] = 1;
    assert.deepEqual(
      [...remainingLifeShares(repaired, 4)].map((share) => share * 4),
      [3, 2, 1, NaN, NaN],
    );
  });

  it('is at least the cap where the record goes on that long without a failure, else unknown', () => {
    assert.deepEqual([...remainingLifeShares(line(6), 4)], [1, 1, NaN, NaN, NaN, NaN]);
  });
});
