/**
 * A whole LSTM layer in one of TensorFlow's kernels, BlockLSTMV2, which tfjs-node brings but does not offer.
 * Weights [I + H, 4H], gates in the order i, f, c, o.
 * Source: tensorflow/core/kernels/rnn/lstm_ops.h (TensorFlow 2.18), gate layout IFCO.
 */
import type { Call } from './call.js';
import { arrangedWeights, type LayerOutput, type Sequence, stepMask } from './sequence.js';
import type { NativeBackend, Tf, TfTensor } from './tfjs.js';

export function blockLstm(call: Call, native: NativeBackend, sequence: Sequence): LayerOutput {
  const { tf } = call;
  const { startState, startMemory, lengths, hiddenSize } = sequence;
  const [steps, batch] = sequence.x.shape as [number, number];
  const [whole, shut, bias, peephole] = arrangedWeights(call, (each) => {
    const [input, recurrent] = [blockOrder(tf, each.input), blockOrder(tf, each.recurrent)];
    return [
      tf.concat([input, recurrent], 0),
      tf.concat([input, shutRow(tf, hiddenSize), recurrent], 0),
      blockOrder(tf, tf.add(each.inputBias, each.stateBias)),
      tf.zeros([hiddenSize]),
    ] as const;
  });
  const x = lengths
    ? tf.concat([sequence.x, stepMask(tf, lengths, steps, { real: 0, padding: 1 })], 2)
    : sequence.x;
  const { TF_ATTR_BOOL, TF_ATTR_FLOAT, TF_ATTR_TYPE, TF_FLOAT } = native.binding;
  // Input gates, memories, forget gates, output gates, candidates, tanh of memories, states: [T, B, H] each.
  const results = native.executeMultipleOutputs(
    'BlockLSTMV2',
    [
      { name: 'T', type: TF_ATTR_TYPE, value: TF_FLOAT },
      { name: 'cell_clip', type: TF_ATTR_FLOAT, value: 0 },
      { name: 'use_peephole', type: TF_ATTR_BOOL, value: false },
    ],
    [
      stepCount(native, steps),
      x,
      startMemory,
      startState,
      lengths ? shut : whole,
      peephole,
      peephole,
      peephole,
      bias,
    ],
    7,
  );
  const [memories, states] = [results[1] as TfTensor, results[6] as TfTensor];
  const newest = (all: TfTensor) =>
    tf.reshape(tf.slice(all, [steps - 1, 0, 0], [1, batch, hiddenSize]), [batch, hiddenSize]);
  return { states: () => states, last: () => newest(states), memory: () => newest(memories) };
}

/** Last axis in ONNX's order of gates i, o, f, c → i, f, c, o. */
function blockOrder(tf: Tf, x: TfTensor): TfTensor {
  const axis = x.shape.length - 1;
  const size = (x.shape[axis] as number) / 4;
  const [i, o, f, c] = tf.split(x, [size, size, size, size], axis) as [
    TfTensor,
    TfTensor,
    TfTensor,
    TfTensor,
  ];
  return tf.concat([i, f, c, o], axis);
}

/**
 * Weights [1, 4H] of an input that is 1 for steps before a series begins: they shut input and forget gates to exactly
 * 0, so that memory and state stay zero there. The kernel's own lengths are one number for the whole batch.
 */
function shutRow(tf: Tf, hiddenSize: number): TfTensor {
  const row = new Float32Array(4 * hiddenSize).fill(-1e4, 0, 2 * hiddenSize);
  return tf.tensor(row, [1, 4 * hiddenSize], 'float32');
}

/** An int64, which TensorFlow.js does not know. Each is made once: tfjs-node never frees what its own way makes. */
const stepCounts = new Map<number, TfTensor>();
function stepCount({ binding, tensorMap }: NativeBackend, steps: number): TfTensor {
  let made = stepCounts.get(steps);
  if (made === undefined) {
    const dataId = {};
    const id = binding.createTensor([], binding.TF_INT64, Int32Array.of(steps, 0));
    tensorMap.set(dataId, { shape: [], dtype: binding.TF_INT64, id, values: null, refCount: 1 });
    made = { dataId, shape: [], dtype: 'int32' } as unknown as TfTensor;
    stepCounts.set(steps, made);
  }
  return made;
}
