/**
 * What a gate of an unrolled layer reads at a step is one matrix [h, x, 1]: state before, input, and a one for the bias.
 * So one product does for all three, onnxruntime joins the activation that follows with it, and each gate is a tensor of
 * its own, never cut out of a larger one.
 */
import { cubeDims, type Dim, dim, fixedSize, matrixDims, sizeOf } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { concat } from '../graph/operators/concat.js';
import { reshape } from '../graph/operators/reshape.js';
import { split } from '../graph/operators/split.js';
import { type CellWeights, rename } from './cell.js';

const one = dim('read', 1);

/** x [T, B, I] → [x, 1]: [T, B, I + 1], dimension "read". */
export function biasedInputs(x: Tensor): Tensor {
  const [time, batch, input] = cubeDims('biasedInputs', 'x', x.dims);
  const sizes = [time, batch, one];
  const ones = x.graph.constant(sizes, new Float64Array(sizeOf('biasedInputs', sizes)).fill(1));
  return concat([{ ...x, dims: [time, batch, dim('read', input.size)] }, ones], 'read');
}

/** State [B, H] beside what is read with it [B, ·]. */
export function readWith(state: Tensor, given: Tensor): Tensor {
  const [batch] = matrixDims('readWith', 'state', state.dims);
  return concat([rename(state, [batch.name, 'read']), given], 'read');
}

/** Per gate what [h, x, 1] is multiplied by: [H + I + 1, H]. */
export function gateWeights({ recurrent, input, bias }: CellWeights, hidden: Dim): readonly Tensor[] {
  const [gates] = bias.dims as [Dim];
  const stacked = [recurrent, input, reshape(bias, [one, gates])];
  const count = fixedSize('gateWeights', gates) / fixedSize('gateWeights', hidden);
  return split(
    concat(
      stacked.map((part) => rename(part, ['read', 'gates'])),
      'read',
    ),
    'gates',
    Array.from({ length: count }, () => hidden),
  );
}

/** The gradient of all gates' weights [H + I + 1, G·H] as those of recurrent, input and bias. */
export function ofCellWeights(gradient: Tensor, { recurrent, input, bias }: CellWeights): CellWeights {
  const rows = [recurrent, input].map(({ dims }) => dim('read', (dims[0] as Dim).size));
  const parts = split(gradient, 'read', [...rows, one]);
  const [ofRecurrent, ofInput, ofBias] = parts as [Tensor, Tensor, Tensor];
  return {
    recurrent: { ...ofRecurrent, dims: recurrent.dims },
    input: { ...ofInput, dims: input.dims },
    bias: reshape(ofBias, bias.dims),
  };
}
