// The gates that are shown are those that make the states: from them alone the states can be computed again.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Rng } from '../../../domain/rng.js';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import { type CellName, cellNames } from '../../../model/cells/cell.js';
import { type GateValues, readGates } from '../../../model/explanation/gates.js';
import { networkLayout } from '../../../model/network.js';
import { initializeParameters } from '../../../model/parameters.js';
import { smallHistories, smallPreprocessing, smallShape, smallSpec, windowAt } from '../fixtures.js';

const histories = smallHistories(6);
const preprocessing = smallPreprocessing(histories);

function network(cell: CellName, scale = 1) {
  const shape = smallShape(preprocessing, { cell, layers: 2, normalization: 'layer' });
  const rng = new Rng(5);
  const parameters = initializeParameters(networkLayout(shape), rng).map(
    (value) => scale * (value + 0.3 * rng.normal()),
  );
  return { shape, parameters, preprocessing };
}

describe('gates', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());

  for (const cell of cellNames)
    for (const [step, real] of [
      [11, 6],
      [2, 3],
    ] as const)
      it(`of a ${cell} over ${real} steps make its states`, async () => {
        const gates = await readGates(network(cell), windowAt(histories[0]!, step), engine);
        for (const layer of [0, 1]) {
          const of = new Map(gates.filter((gate) => gate.layer === layer).map((gate) => [gate.name, gate]));
          const { values: states, unitCount } = of.get('state') as GateValues;
          assert.equal(states.length, real * unitCount);
          const gate = (name: string, at: number) => of.get(name)?.values[at] as number;
          for (let unit = 0; unit < unitCount; unit++) {
            let [memory, state] = [0, 0];
            for (let at = unit; at < states.length; at += unitCount) {
              if (cell === 'lstm') {
                memory = gate('forget', at) * memory + gate('input', at) * gate('candidate', at);
                state = gate('output', at) * Math.tanh(memory);
              } else if (cell === 'gru') {
                const update = gate('update', at);
                state = (1 - update) * gate('candidate', at) + update * state;
              } else state = states[at] as number;
              assert.ok(Math.abs(state - (states[at] as number)) < 1e-5, `unit ${unit}, layer ${layer}`);
            }
          }
        }
      });

  it('that never move are flagged, and only they', async () => {
    const flagged = (gates: readonly GateValues[]) =>
      gates.reduce((sum, { shutUnits, openUnits }) => sum + shutUnits.length + openUnits.length, 0);
    const window = windowAt(histories[0]!, 11, smallSpec);
    const wild = await readGates(network('lstm', 20), window, engine);
    assert.ok(flagged(wild) > flagged(await readGates(network('lstm', 0.1), window, engine)));
    for (const { name, values, unitCount, shutUnits, openUnits, range } of wild)
      for (let unit = 0; unit < unitCount; unit++) {
        const own = values.filter((_, at) => at % unitCount === unit);
        const low = range === 'unit' ? 0.1 : -0.9;
        assert.equal(
          shutUnits.includes(unit),
          own.every((value) => value < low),
          `${name} ${unit}`,
        );
        assert.equal(
          openUnits.includes(unit),
          own.every((value) => value > 0.9),
          `${name} ${unit}`,
        );
      }
  });
});
