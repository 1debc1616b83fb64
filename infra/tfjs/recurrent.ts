/**
 * ONNX's LSTM, GRU and RNN, step by step. Gates in ONNX's order: LSTM i, o, f, c; GRU z, r, h, with the reset gate after
 * the recurrent product (see model/cells/).
 */
import { blockLstm } from './block-lstm.js';
import type { Call } from './call.js';
import { arrangedWeights, type LayerOutput, runSequence, type Sequence, stepMask } from './sequence.js';
import type { Tf, TfTensor } from './tfjs.js';

type Results = readonly (TfTensor | undefined)[];

export function lstm(call: Call): Results {
  const { tf, native } = call.tfjs;
  if (native) return runSequence(call, 4, (sequence) => blockLstm(call, native, sequence));
  return runSequence(call, 4, (sequence) => {
    const { hiddenSize } = sequence;
    const [weights, recurrent, bias] = arrangedWeights(
      call,
      (each) => [each.input, each.recurrent, tf.add(each.inputBias, each.stateBias)] as const,
    );
    let memory = sequence.startMemory;
    const projected = project(tf, sequence.x, weights, bias);
    const output = overSteps(tf, sequence, projected, (projection, before, real) => {
      const gates = tf.add(projection, tf.matMul(before, recurrent, false, false));
      const [sigmoids, candidate] = cut(tf, gates, [3 * hiddenSize, hiddenSize]);
      const [i, o, f] = cut(tf, tf.sigmoid(sigmoids), [hiddenSize, hiddenSize, hiddenSize]);
      const updated = tf.add(tf.mul(f, memory), tf.mul(i, tf.tanh(candidate)));
      // tanh(0) is 0: a memory that is held at zero holds the state there, too.
      memory = real ? tf.mul(updated, real) : updated;
      return tf.mul(o, tf.tanh(memory));
    });
    return { ...output, memory: () => memory };
  });
}

export function gru(call: Call): Results {
  const { tf } = call;
  if (call.number('linear_before_reset', 0) !== 1)
    throw new Error('the engine tfjs knows GRU only with linear_before_reset = 1');
  return runSequence(call, 3, (sequence) => {
    const { hiddenSize } = sequence;
    const [weights, recurrent, inputBias, stateBias] = arrangedWeights(
      call,
      (each) => [each.input, each.recurrent, each.inputBias, each.stateBias] as const,
    );
    const parts = [2 * hiddenSize, hiddenSize] as const;
    const projected = project(tf, sequence.x, weights, inputBias);
    return overSteps(tf, sequence, projected, (projection, before, real) => {
      const product = tf.add(tf.matMul(before, recurrent, false, false), stateBias);
      const [inputGates, inputCandidate] = cut(tf, projection, parts);
      const [stateGates, stateCandidate] = cut(tf, product, parts);
      const [z, r] = cut(tf, tf.sigmoid(tf.add(inputGates, stateGates)), [hiddenSize, hiddenSize]);
      const candidate = tf.tanh(tf.add(inputCandidate, tf.mul(r, stateCandidate)));
      const updated = tf.add(candidate, tf.mul(z, tf.sub(before, candidate)));
      return real ? tf.mul(updated, real) : updated;
    });
  });
}

export function rnn(call: Call): Results {
  const { tf } = call;
  return runSequence(call, 1, (sequence) => {
    const [weights, recurrent, bias] = arrangedWeights(
      call,
      (each) => [each.input, each.recurrent, tf.add(each.inputBias, each.stateBias)] as const,
    );
    const projected = project(tf, sequence.x, weights, bias);
    return overSteps(tf, sequence, projected, (projection, before, real) => {
      const updated = tf.tanh(tf.add(projection, tf.matMul(before, recurrent, false, false)));
      return real ? tf.mul(updated, real) : updated;
    });
  });
}

/** x·W + b of all steps at once: [B, G·H] each. */
function project(tf: Tf, x: TfTensor, weights: TfTensor, bias: TfTensor): readonly TfTensor[] {
  const [steps, batch, inputSize] = x.shape as [number, number, number];
  const rows = tf.reshape(x, [steps * batch, inputSize]);
  const projected = tf.add(tf.matMul(rows, weights, false, false), bias);
  return tf.unstack(tf.reshape(projected, [steps, batch, weights.shape[1] as number]), 0);
}

function cut<const Sizes extends readonly number[]>(tf: Tf, x: TfTensor, sizes: Sizes) {
  return tf.split(x, sizes, 1) as { readonly [Position in keyof Sizes]: TfTensor };
}

/** `real` [B, 1]: what a step's memory or state is multiplied by. */
function overSteps(
  tf: Tf,
  { startState, lengths }: Sequence,
  projected: readonly TfTensor[],
  step: (projection: TfTensor, before: TfTensor, real: TfTensor | undefined) => TfTensor,
): LayerOutput {
  const real = lengths && tf.unstack(stepMask(tf, lengths, projected.length, { real: 1, padding: 0 }), 0);
  const states: TfTensor[] = [];
  let last = startState;
  projected.forEach((projection, index) => {
    last = step(projection, last, real?.[index]);
    states.push(last);
  });
  return { states: () => tf.stack(states, 0), last: () => last };
}
