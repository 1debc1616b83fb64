/** PyTorch's parameters as Millwright's, and what both are compared by. */
import assert from 'node:assert/strict';
import type { FeatureSpec } from '../../../domain/features.js';
import type { CellName } from '../../../model/cells/cell.js';
import type { ParameterLayout } from '../../../model/parameters.js';
import type { Preprocessing } from '../../../model/preprocessing.js';

export type Named = Readonly<Record<string, readonly number[]>>;
export type TorchValues = (name: string) => readonly number[];
/** By our name, what is not part of a recurrent layer. */
export type Heads = Readonly<Record<string, () => readonly number[]>>;

/** Where PyTorch has our blocks of a weight: its LSTM has i, f, g, o, its GRU r, z, n. */
const gatesInTorch: Readonly<Record<CellName, readonly number[]>> = {
  lstm: [0, 3, 1, 2], // ours: input, output, forget, cell
  gru: [1, 0, 2], // ours: update, reset, candidate
  rnn: [0],
};

/** [rows, columns] → [columns, rows] */
export function transposed(matrix: readonly number[], rows: number): number[] {
  const columns = matrix.length / rows;
  return Array.from(
    { length: matrix.length },
    (_, index) => matrix[(index % rows) * columns + Math.floor(index / rows)] as number,
  );
}

/** PyTorch's parameters, or their gradients, as our flat vector. */
export function fromTorch(
  cell: CellName,
  hidden: number,
  layout: ParameterLayout,
  torch: Named,
  headsOf: (values: TorchValues) => Heads,
): Float64Array {
  const values = (name: string): readonly number[] => {
    const found = torch[name];
    assert.ok(found, `${name} is in the golden`);
    return found;
  };
  const inOurOrder = (matrix: readonly number[]): number[] => {
    const gates = gatesInTorch[cell];
    const block = matrix.length / gates.length;
    return gates.flatMap((gate) => matrix.slice(gate * block, (gate + 1) * block));
  };
  const rows = gatesInTorch[cell].length * hidden;
  const cellPart = (network: string, layer: string, part: string): readonly number[] => {
    const name = (kind: string) => values(`${network}.cells.${layer}.${kind}_l0`);
    if (part === 'norm-gain') return values(`${network}.norms.${layer}.weight`);
    if (part === 'norm-bias') return values(`${network}.norms.${layer}.bias`);
    if (part === 'input') return transposed(inOurOrder(name('weight_ih')), rows);
    if (part === 'recurrent') return transposed(inOurOrder(name('weight_hh')), rows);
    // The second bias is 0 but for the GRU's candidate, where it is our fourth block.
    const second = cell === 'gru' ? name('bias_hh').slice(2 * hidden) : [];
    return [...inOurOrder(name('bias_ih')), ...second];
  };
  const heads = headsOf(values);
  return Float64Array.from(
    layout.flatMap(({ name }) => {
      const [network, layer, part] = name.split('.') as [string, string, string];
      return [...(heads[name]?.() ?? cellPart(network, layer, part))];
    }),
  );
}

/** Greatest difference over the greatest of `wanted`. */
export function relativeError(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  assert.equal(got.length, wanted.length);
  let [error, size] = [0, 0];
  for (let index = 0; index < wanted.length; index++) {
    error = Math.max(error, Math.abs((got[index] as number) - (wanted[index] as number)));
    size = Math.max(size, Math.abs(wanted[index] as number));
  }
  assert.ok(size > 0, 'something to compare with');
  return error / size;
}

/** Gives the network what is in the windows. */
export function unchangedPreprocessing(spec: FeatureSpec): Preprocessing {
  const columns = spec.names.map((_, column) => column);
  return {
    formatVersion: 1,
    spec: { ...spec, names: [...spec.names], units: [...spec.units], settingColumns: [] },
    keptColumns: columns,
    smoothedColumns: [],
    maskedColumns: [],
    smoothingAlphas: [],
    clipSds: 100,
    regimes: { columns: [], means: [], sds: [], centroids: [] },
    means: [columns.map(() => 0)],
    sds: [columns.map(() => 1)],
  };
}
