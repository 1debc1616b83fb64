/** ONNX's operators (opset 17, https://onnx.ai/onnx/operators/) in TensorFlow.js's: those that our graphs are made of. */
import type { Call } from './call.js';
import { typeOfCode } from './onnx-file.js';
import { gru, lstm, rnn } from './recurrent.js';
import type { Tf, TfTensor } from './tfjs.js';

export type Operator = (call: Call) => TfTensor | readonly (TfTensor | undefined)[];

/** Throws where there is none of that name. */
export function operatorCalled(name: string): Operator {
  const operator = operators.get(name);
  if (operator === undefined) throw new Error(`operator ${name} is not known to the engine tfjs`);
  return operator;
}

type Elementwise =
  | 'abs'
  | 'exp'
  | 'isNaN'
  | 'log'
  | 'neg'
  | 'relu'
  | 'sigmoid'
  | 'softplus'
  | 'sqrt'
  | 'tanh';
type Pairwise = 'add' | 'div' | 'equal' | 'lessEqual' | 'maximum' | 'minimum' | 'mul' | 'sub';

const each =
  (name: Elementwise): Operator =>
  (call) =>
    call.tf[name](call.input(0));
const pairs =
  (name: Pairwise): Operator =>
  (call) =>
    call.tf[name](call.input(0), call.input(1));

const operators: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['Abs', each('abs')],
  ['Add', pairs('add')],
  ['ArgMin', argMin],
  ['Cast', (call) => call.tf.cast(call.input(0), typeOfCode(call.number('to', 1)))],
  ['Clip', clip],
  ['Concat', (call) => call.tf.concat(call.inputs, call.number('axis', 0))],
  ['CumSum', (call) => call.tf.cumsum(call.input(0), call.numbers(1)[0] as number)],
  ['Div', pairs('div')],
  ['Equal', pairs('equal')],
  ['Exp', each('exp')],
  ['Expand', (call) => call.tf.broadcastTo(call.input(0), call.numbers(1))],
  ['GRU', gru],
  ['Gather', (call) => call.tf.gather(call.input(0), call.input(1), call.number('axis', 0))],
  ['Gemm', gemm],
  ['Identity', (call) => call.input(0)],
  ['IsNaN', each('isNaN')],
  ['LSTM', lstm],
  ['LayerNormalization', layerNormalization],
  ['LessOrEqual', pairs('lessEqual')],
  ['Log', each('log')],
  ['MatMul', (call) => call.tf.matMul(call.input(0), call.input(1), false, false)],
  ['Max', pairs('maximum')],
  ['MaxPool', maxPool],
  ['Min', pairs('minimum')],
  ['Mul', pairs('mul')],
  ['Neg', each('neg')],
  ['OneHot', oneHot],
  ['Pad', pad],
  ['RNN', rnn],
  ['Relu', each('relu')],
  ['ReduceMean', (call) => call.tf.mean(call.input(0), call.list('axes'), call.number('keepdims', 1) === 1)],
  ['ReduceMin', (call) => call.tf.min(call.input(0), call.list('axes'), call.number('keepdims', 1) === 1)],
  ['ReduceSum', (call) => call.tf.sum(call.input(0), call.numbers(1), call.number('keepdims', 1) === 1)],
  ['Reshape', (call) => call.tf.reshape(call.input(0), call.numbers(1))],
  ['Scan', scan],
  ['Shape', shape],
  ['Sigmoid', each('sigmoid')],
  ['Softplus', each('softplus')],
  ['Split', (call) => call.tf.split(call.input(0), call.numbers(1), call.number('axis', 0))],
  ['Sqrt', each('sqrt')],
  ['Squeeze', (call) => call.tf.squeeze(call.input(0), call.numbers(1))],
  ['Sub', pairs('sub')],
  ['Tanh', each('tanh')],
  ['Transpose', (call) => call.tf.transpose(call.input(0), call.list('perm'))],
  ['Unsqueeze', unsqueeze],
  ['Where', (call) => call.tf.where(call.input(0), call.input(1), call.input(2))],
]);

function argMin(call: Call): TfTensor {
  const { tf } = call;
  const axis = call.number('axis', 0);
  const least = tf.argMin(call.input(0), axis);
  return call.number('keepdims', 1) === 1 ? tf.expandDims(least, axis) : least;
}

/** NaN stays NaN, as in ONNX; clipByValue of the WebAssembly backend makes the lower bound of it. */
function clip(call: Call): TfTensor {
  const { tf } = call;
  return tf.minimum(tf.maximum(call.input(0), call.input(1)), call.input(2));
}

function gemm(call: Call): TfTensor {
  const { tf } = call;
  const product = tf.matMul(
    call.input(0),
    call.input(1),
    call.number('transA', 0) === 1,
    call.number('transB', 0) === 1,
  );
  const c = call.optional(2);
  return c ? tf.add(product, c) : product;
}

/** Over the last axis. */
function layerNormalization(call: Call): TfTensor {
  const { tf } = call;
  const centred = tf.sub(call.input(0), mean(tf, call.input(0)));
  const variance = mean(tf, tf.mul(centred, centred));
  const epsilon = tf.tensor(Float32Array.of(call.number('epsilon', 1e-5)), [], 'float32');
  const normal = tf.div(centred, tf.sqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(normal, call.input(1)), call.input(2));
}

function mean(tf: Tf, x: TfTensor): TfTensor {
  return tf.mean(x, [x.shape.length - 1], true);
}

/** x [B, C, L]; stride 1. */
function maxPool(call: Call): TfTensor {
  const { tf } = call;
  const [batch, channels, length] = call.input(0).shape as [number, number, number];
  const [width] = call.list('kernel_shape') as [number];
  const [before, after] = call.list('pads') as [number, number];
  const rows = tf.reshape(call.input(0), [batch * channels, length, 1, 1]);
  const least = -3.4e38;
  const padded = tf.pad(
    rows,
    [
      [0, 0],
      [before, after],
      [0, 0],
      [0, 0],
    ],
    least,
  );
  const pooled = tf.maxPool(padded, [width, 1], [1, 1], 'valid');
  return tf.reshape(pooled, [batch, channels, length + before + after - width + 1]);
}

/** 1 and 0, as our graphs have them. */
function oneHot(call: Call): TfTensor {
  const { tf } = call;
  const [depth] = call.numbers(1) as [number];
  const axis = call.number('axis', -1);
  const indices = tf.expandDims(call.input(0), axis);
  const classes = tf.tensor(
    Int32Array.from({ length: depth }, (_, index) => index),
    indices.shape.map((_, other) => (other === axis ? depth : 1)),
    'int32',
  );
  return tf.cast(tf.equal(indices, classes), 'float32');
}

function pad(call: Call): TfTensor {
  const { tf } = call;
  const amounts = call.numbers(1);
  const rank = amounts.length / 2;
  const paddings = Array.from(
    { length: rank },
    (_, axis) => [amounts[axis] as number, amounts[rank + axis] as number] as const,
  );
  return tf.pad(call.input(0), paddings, 0);
}

/** Sequences along their first axis. */
function scan(call: Call): readonly TfTensor[] {
  const { tf } = call;
  const startCount = call.inputs.length - call.number('num_scan_inputs', 0);
  const turned = (direction: number | undefined, steps: readonly TfTensor[]) =>
    direction === 1 ? [...steps].reverse() : steps;
  const inputDirections = call.list('scan_input_directions');
  const sequences = call.inputs
    .slice(startCount)
    .map((sequence, index) => turned(inputDirections[index], tf.unstack(sequence, 0)));
  let carried = call.inputs.slice(0, startCount);
  const given: (readonly TfTensor[])[] = [];
  for (let step = 0; step < (sequences[0]?.length ?? 0); step++) {
    const results = call.runBody([...carried, ...sequences.map((each) => each[step] as TfTensor)]);
    carried = results.slice(0, startCount);
    given.push(results.slice(startCount));
  }
  const outputDirections = call.list('scan_output_directions');
  return [
    ...carried,
    ...(given[0] ?? []).map((_, index) =>
      tf.stack(
        turned(
          outputDirections[index],
          given.map((each) => each[index] as TfTensor),
        ),
        0,
      ),
    ),
  ];
}

function shape(call: Call): TfTensor {
  const { tf } = call;
  const sizes = call.input(0).shape;
  const part = sizes.slice(call.number('start', 0), call.number('end', sizes.length));
  return tf.tensor(Int32Array.from(part), [part.length], 'int32');
}

function unsqueeze(call: Call): TfTensor {
  const { tf } = call;
  return [...call.numbers(1)]
    .sort((a, b) => a - b)
    .reduce((x, axis) => tf.expandDims(x, axis), call.input(0));
}
