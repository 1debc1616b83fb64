import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeLeakage, findLeakage } from '../../app/leakage.js';

const seen = {
  trainingMachines: ['a', 'b', 'c', 'd', 'e'],
  validationMachines: ['v', 'w'],
  trainedUntilMs: 100,
};
const at = (machine: string, originMs: number) => ({ machine, originMs });

test('machines that were learned from leak, unless they are judged in a later time', () => {
  const leakage = findLeakage(seen, [at('a', 50), at('b', 101), at('v', 100), at('new', 1)]);
  assert.deepEqual(leakage, { trainingMachines: ['a'], validationMachines: ['v'] });
  const [first, second] = describeLeakage('lstm-1', leakage);
  assert.match(first as string, /lstm-1 was trained on a, in the time that is judged: .* Choose others/);
  assert.match(second as string, /lstm-1 was chosen by how good it was on v/);
});

test('a long list is told short, no leak not at all, and a network of before cannot tell', () => {
  const [line] = describeLeakage(
    'lstm-1',
    findLeakage(
      seen,
      seen.trainingMachines.map((machine) => at(machine, 1)),
    ),
  );
  assert.match(line as string, /trained on a, b, c and 2 more machines,/);
  assert.deepEqual(describeLeakage('lstm-1', findLeakage(seen, [at('new', 1)])), []);
  assert.match(
    describeLeakage('lstm-1', findLeakage(undefined, []))[0] as string,
    /does not tell which machines/,
  );
});
