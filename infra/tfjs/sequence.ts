/** What ONNX's LSTM, GRU and RNN have in common: direction, short series, start, and the form of what they give. */
import type { Call } from './call.js';
import type { Tf, TfTensor } from './tfjs.js';

/** What a layer runs over, the oldest step first. */
export interface Sequence {
  /** [T, B, I] */
  readonly x: TfTensor;
  /** [B, H] */
  readonly startState: TfTensor;
  /** [B, H], of the LSTM. */
  readonly startMemory: TfTensor;
  /** How many of the newest steps count, where that is not all of them: before, state and memory stay zero. */
  readonly lengths: readonly number[] | undefined;
  readonly hiddenSize: number;
}

/** What is asked for is computed, nothing else. */
export interface LayerOutput {
  /** [T, B, H] */
  states(): TfTensor;
  /** [B, H] */
  last(): TfTensor;
  /** [B, H], of the LSTM. */
  memory?(): TfTensor;
}

/**
 * Inputs: x [T, B, I], weights [1, G·H, I] and [1, G·H, H], bias [1, 2·G·H], lengths [B], first state and memory
 * [1, B, H]. Outputs: states [T, 1, B, H], the last state and memory [1, B, H].
 */
export function runSequence(
  call: Call,
  gateCount: number,
  run: (sequence: Sequence) => LayerOutput,
): readonly (TfTensor | undefined)[] {
  const { tf } = call;
  const given = call.input(0);
  const [steps, batch] = given.shape as [number, number];
  const hiddenSize = (call.input(1).shape[1] as number) / gateCount;
  const newestFirst = call.text('direction', 'forward') === 'reverse';
  const oldestFirst = (x: TfTensor) => (newestFirst ? tf.reverse(x, 0) : x);
  const lengths = call.optional(4) && call.numbers(4);
  const short = lengths?.some((length) => length < steps) ?? false;
  const start = call.optional(5);
  if (short && (!newestFirst || start))
    throw new Error('the engine tfjs runs short series only newest first, from a state of zero');
  const first = (state: TfTensor | undefined) =>
    state ? tf.squeeze(state, [0]) : tf.zeros([batch, hiddenSize]);
  const output = run({
    x: oldestFirst(given),
    startState: first(start),
    startMemory: first(call.optional(6)),
    lengths: short ? lengths : undefined,
    hiddenSize,
  });
  return [
    call.wants(0) ? tf.expandDims(oldestFirst(output.states()), 1) : undefined,
    call.wants(1) ? tf.expandDims(output.last(), 0) : undefined,
    call.wants(2) && output.memory ? tf.expandDims(output.memory(), 0) : undefined,
  ];
}

/** [T, B, 1], the oldest step first: `real` for steps that count, `padding` for those before. */
export function stepMask(
  tf: Tf,
  lengths: readonly number[],
  steps: number,
  { real, padding }: { readonly real: number; readonly padding: number },
): TfTensor {
  const batch = lengths.length;
  const values = Float32Array.from({ length: steps * batch }, (_, index) => {
    const age = steps - Math.floor(index / batch);
    return age <= (lengths[index % batch] as number) ? real : padding;
  });
  return tf.tensor(values, [steps, batch, 1], 'float32');
}

/** Weights of the inputs [I, G·H] and of the state [H, G·H]; bias of the inputs and of the state, [G·H] each. */
export interface Weights {
  readonly input: TfTensor;
  readonly recurrent: TfTensor;
  readonly inputBias: TfTensor;
  readonly stateBias: TfTensor;
}

/** What `arrange` makes of the weights; once, where they are constants. */
export function arrangedWeights<Parts extends readonly TfTensor[]>(
  call: Call,
  arrange: (weights: Weights) => Parts,
): Parts {
  const { tf } = call;
  const sources = [call.input(1), call.input(2), call.input(3)] as const;
  return call.kept.prepared(call.node, sources, () => {
    const [input, recurrent, bias] = sources.map((source) => tf.squeeze(source, [0])) as [
      TfTensor,
      TfTensor,
      TfTensor,
    ];
    const half = (bias.shape[0] as number) / 2;
    const [inputBias, stateBias] = tf.split(bias, [half, half], 0) as [TfTensor, TfTensor];
    const turned = (x: TfTensor) => tf.transpose(x, [1, 0]);
    return arrange({ input: turned(input), recurrent: turned(recurrent), inputBias, stateBias });
  }) as Parts;
}
