/** Reverse-mode differentiation: walks a graph's tape backwards and adds the nodes of the gradients to the graph. */
import { checkDims } from './dims.js';
import type { Graph, OneTensorEach, TapeStep, Tensor } from './graph.js';
import { add } from './operators/add.js';

/**
 * d loss / d each of `wanted`, with the dimensions of `wanted`. `loss` has no dimensions. Throws where the loss
 * reaches a tracked tensor through an operator without a gradient, or does not depend on one that is wanted.
 */
export function differentiate<Wanted extends readonly Tensor[]>(
  graph: Graph,
  loss: Tensor,
  wanted: Wanted,
): OneTensorEach<Wanted> {
  checkDims('differentiate', 'loss', loss.dims, []);
  const reachable = new Set(
    [...graph.inputs, ...graph.tape.flatMap((step) => step.outputs)].map(({ name }) => name),
  );
  const gradients = new Map<string, Tensor>([[loss.name, graph.scalar(1)]]);

  graph.withoutTape(() => {
    for (let index = graph.tape.length - 1; index >= 0; index--) {
      const step = graph.tape[index] as TapeStep;
      const outputs = step.outputs.map((output) => gradients.get(output.name));
      if (outputs.every((gradient) => gradient === undefined)) continue;
      if (!step.inputs.some((input) => input.tracked)) continue;
      const inputs = step.gradients(outputs);
      step.inputs.forEach((input, position) => {
        if (!input.tracked) return;
        if (!reachable.has(input.name))
          throw new Error(`${step.operator}: ${input.name} comes from an operator that has no gradient`);
        const gradient = (inputs[position] as () => Tensor)();
        checkDims(`gradient of ${step.operator}`, `input ${position}`, gradient.dims, input.dims);
        const before = gradients.get(input.name);
        gradients.set(input.name, before === undefined ? gradient : add(before, gradient));
      });
    }
  });
  const found = wanted.map((tensor) => {
    const gradient = gradients.get(tensor.name);
    if (gradient === undefined) throw new Error(`differentiate: the loss does not depend on ${tensor.name}`);
    return gradient;
  });
  return found as OneTensorEach<Wanted>;
}
