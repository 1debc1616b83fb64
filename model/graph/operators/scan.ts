/**
 * The same nodes over and over, once per step of a sequence: onnxruntime keeps them, and what they touch, in the
 * processor's cache, and gives and takes the steps of long tensors without a copy. No gradient of its own: a recurrent
 * cell runs one forwards and another one backwards.
 */
import { checkDim, type Dim } from '../dims.js';
import type { Tensor } from '../graph.js';

type Named = Readonly<Record<string, Tensor | undefined>>;

/**
 * Runs `step` for every element along the first dimension [T, ...] of `sequences`, the last one first with `newestFirst`.
 * `start` is what the first step carries, and each step what the one before returned as `carried`; what the steps have
 * given lies in the order of the sequences, [T, ...]. What is undefined is left out.
 */
export function scan<Carried extends Named, Sequences extends Named, Given extends Named>(
  {
    start,
    sequences,
    newestFirst,
  }: {
    readonly start: Carried;
    readonly sequences: Sequences;
    readonly newestFirst: boolean;
  },
  step: (carried: Carried, each: Sequences) => { readonly carried: Carried; readonly given: Given },
): { readonly carried: Carried; readonly given: Given } {
  const starts = tensorsOf(start);
  const all = tensorsOf(sequences);
  const [{ graph, dims }] = all as [Tensor];
  const time = dims[0] as Dim;
  for (const sequence of all) checkDim('scan', `0 of ${sequence.name}`, sequence.dims[0] as Dim, time);
  const slices = all.map((each) => ({ ...each, dims: each.dims.slice(1) }));
  let names: Given | undefined;
  const body = graph.body([...starts, ...slices], (inputs) => {
    const { carried, given } = step(
      named(start, inputs.slice(0, starts.length)),
      named(sequences, inputs.slice(starts.length)),
    );
    names = given;
    // An output has a name of its own, also where a step gives what it carries on.
    const taken = new Set(inputs.map(({ name }) => name));
    return [...namesOf(start).map((name) => carried[name] as Tensor), ...tensorsOf(given)].map((tensor) => {
      if (taken.has(tensor.name)) return graph.emitOne('Identity', [tensor], tensor.dims);
      taken.add(tensor.name);
      return tensor;
    });
  });
  const direction = newestFirst ? 1 : 0;
  const results = graph.emit(
    'Scan',
    [...starts, ...all],
    body.outputs.map(({ dims: each }, index) => ({ dims: index < starts.length ? each : [time, ...each] })),
    {
      body: { body },
      num_scan_inputs: { int: all.length },
      scan_input_directions: { ints: all.map(() => direction) },
      scan_output_directions: { ints: body.outputs.slice(starts.length).map(() => direction) },
    },
  );
  // The body may reach tracked tensors that are no inputs of the node.
  const tracked = body.outputs.some((output) => output.tracked);
  const made = results.map((result) => ({ ...result, tracked: result.tracked || tracked }));
  return {
    carried: named(start, made.slice(0, starts.length)),
    given: named(names as Given, made.slice(starts.length)),
  };
}

const namesOf = (tensors: Named) => Object.keys(tensors).filter((name) => tensors[name] !== undefined);
const tensorsOf = (tensors: Named) => namesOf(tensors).map((name) => tensors[name] as Tensor);

/** The tensors under the names of `like`, in its order. */
function named<Like extends Named>(like: Like, tensors: readonly Tensor[]): Like {
  return Object.fromEntries(namesOf(like).map((name, index) => [name, tensors[index]])) as Like;
}
