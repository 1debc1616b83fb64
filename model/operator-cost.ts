/**
 * Floating-point operations of ONNX operators, by the usual convention: a multiplication and an addition are two; an
 * element-wise function is one per element, whatever it is; moving data is none. What int8 operators do counts alike.
 */

type Dims = readonly number[];

const size = (dims: Dims | undefined) => (dims ?? []).reduce((product, each) => product * each, 1);

/** Element-wise operations of one step of a cell, per unit of its hidden state, biases included. */
const cellPointwise = { LSTM: 13, GRU: 12, RNN: 2 } as const;
const gateCount = { LSTM: 4, GRU: 3, RNN: 1 } as const;

const moves = new Set([
  'Cast',
  'Concat',
  'Constant',
  'Expand',
  'Flatten',
  'Gather',
  'GatherElements',
  'GatherND',
  'Identity',
  'Pad',
  'Reshape',
  'ReverseSequence',
  'Shape',
  'Slice',
  'Split',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
]);

/** `inputs` and `outputs`: dimensions as ONNX orders them; an input that was not given is undefined. */
export function operatorFlops(
  operator: string,
  inputs: readonly (Dims | undefined)[],
  outputs: readonly (Dims | undefined)[],
): number {
  const [first] = inputs;
  const given = size(outputs.find((dims) => dims !== undefined));
  if (moves.has(operator)) return 0;
  switch (operator) {
    case 'MatMul':
    case 'DynamicQuantizeMatMul':
    case 'MatMulIntegerToFloat':
      return 2 * given * (first?.at(-1) ?? 1);
    case 'Gemm': {
      // Whichever side is transposed, the shared dimension is what the output does not have.
      const [rows = 1, columns = 1] = outputs[0] ?? [];
      const shared = (size(first) * size(inputs[1])) / (rows * columns);
      return 2 * given * Math.sqrt(shared) + (inputs[2] ? given : 0);
    }
    case 'LSTM':
    case 'DynamicQuantizeLSTM':
      return recurrentFlops('LSTM', inputs, outputs);
    case 'GRU':
    case 'RNN':
      return recurrentFlops(operator, inputs, outputs);
    case 'LayerNormalization':
      // Mean, difference, square, sum, scaling by the deviation, gain, bias.
      return 7 * size(first);
    default:
      return operator.startsWith('Reduce') || operator === 'ArgMin' || operator === 'CumSum'
        ? size(first)
        : given;
  }
}

/** x [T, B, I]; the newest state, the second output, is [directions, B, H]. */
function recurrentFlops(
  cell: keyof typeof gateCount,
  [x]: readonly (Dims | undefined)[],
  [all, newest]: readonly (Dims | undefined)[],
): number {
  const [steps = 1, batch = 1, input = 1] = x ?? [];
  const hidden = (newest ?? all)?.at(-1) ?? 1;
  const products = 2 * gateCount[cell] * hidden * (input + hidden);
  return steps * batch * (products + cellPointwise[cell] * hidden);
}
