import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Rng } from '../../../domain/rng.js';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import { addLifeInterval, fitLifeInterval } from '../../../model/calibration/life-interval.js';
import { dim } from '../../../model/graph/dims.js';
import { encodeGraph } from '../../../model/graph/encode.js';
import { Graph } from '../../../model/graph/graph.js';
import { decodeModel, encodeModel } from '../../../model/graph/model-file.js';
import type { KeptForecast } from '../../../model/kept-forecasts.js';

const capSteps = 100;

/** Machines whose forecasts share an error of their own besides the noise of each, larger early in life. */
function machines(count: number, rng: Rng): KeptForecast[] {
  return Array.from({ length: count }, (_, machine) => {
    const own = 8 * rng.normal();
    return Array.from({ length: 5 + rng.int(40) }, (): KeptForecast => {
      const actualLife = Math.min(capSteps, 1 + rng.int(140));
      const spread = 0.1 + actualLife / capSteps;
      const saidLife = Math.min(capSteps, Math.max(0, actualLife + spread * (own + 4 * rng.normal())));
      return {
        machine: `m${machine}`,
        saidLife,
        actualLife,
        curve: new Float32Array(1),
        eventDay: 0,
        knownDays: 0,
      };
    });
  }).flat();
}

function holds(interval: NonNullable<ReturnType<typeof fitLifeInterval>>, row: KeptForecast): boolean {
  const { edges, halfWidths } = interval;
  const half = halfWidths[edges.filter((edge) => row.saidLife >= edge).length]!;
  return Math.abs(row.actualLife - row.saidLife) <= half;
}

describe('the interval of the remaining life', () => {
  for (const [coverage, machineCount] of [
    [0.9, 20],
    [0.8, 12],
    [0.9, 60],
  ] as const)
    it(`holds a window of a further machine ${100 * coverage} times in 100, after ${machineCount} machines`, () => {
      const rng = new Rng(11);
      let held = 0;
      let width = 0;
      const drawCount = 300;
      for (let draw = 0; draw < drawCount; draw++) {
        const interval = fitLifeInterval(machines(machineCount, rng), coverage, capSteps);
        assert.ok(interval);
        const further = machines(1, rng);
        if (holds(interval, further[rng.int(further.length)]!)) held += 1;
        width += interval.halfWidths.reduce((sum, half) => sum + half, 0) / interval.halfWidths.length;
      }
      // Three standard errors of a share of 300 draws below what is promised; and not so wide as to say nothing.
      assert.ok(
        held / drawCount > coverage - 3 * Math.sqrt((coverage * (1 - coverage)) / drawCount),
        `${held}`,
      );
      assert.ok(width / drawCount < 35, `${width / drawCount}`);
    });

  it('is narrower near the end of a life, where the errors are smaller', () => {
    const { halfWidths } = fitLifeInterval(machines(200, new Rng(3)), 0.9, capSteps) ?? { halfWidths: [] };
    assert.equal(halfWidths.length, 4);
    assert.ok(halfWidths[0]! < 0.6 * halfWidths[2]!);
  });

  it('is not given with fewer machines than the promise needs', () => {
    assert.equal(fitLifeInterval(machines(8, new Rng(4)), 0.9, capSteps), undefined);
    assert.equal(fitLifeInterval([], 0.9, capSteps), undefined);
  });

  it('inside a model is that outside, cut to the cap', async () => {
    const graph = new Graph();
    const said = graph.input('life', [dim('batch', null), dim('share', 1)]);
    graph.output('remainingLife', said);
    const engine = new OnnxEngine();
    try {
      for (const edges of [[], [25], [25, 50, 75]]) {
        const halfWidths = [2.5, 6, 14, 9].slice(0, edges.length + 1);
        const interval = { coverage: 0.9, capSteps, edges, halfWidths };
        const loaded = await engine.load(
          encodeModel(addLifeInterval(decodeModel(encodeGraph(graph)), interval)),
        );
        const lives = [0, 1, 24.9, 25, 49.9, 50, 74.9, 75, 99, 100];
        const outputs = await loaded.run({
          life: { dims: [lives.length, 1], data: Float32Array.from(lives) },
        });
        lives.forEach((life, row) => {
          const half = halfWidths[edges.filter((edge) => life >= edge).length]!;
          const at = (name: string) => outputs[name]?.data[row] as number;
          assert.ok(Math.abs(at('remainingLife') - life) < 1e-4);
          assert.ok(Math.abs(at('remainingLifeLow') - Math.max(0, life - half)) < 1e-4);
          assert.ok(Math.abs(at('remainingLifeHigh') - Math.min(capSteps, life + half)) < 1e-4);
        });
        await loaded.close();
      }
    } finally {
      await engine.close();
    }
  });
});
