/** Which parameters a value network has: the recurrent layers of the failure networks, and a head of quantiles. */
import { type Layers, type LayersShape, layersLayout, layersOf } from '../cells/layers.js';
import { dim } from '../graph/dims.js';
import type { Tensor } from '../graph/graph.js';
import { quantileLayout } from '../heads/quantiles.js';
import type { ParameterLayout } from '../parameters.js';

export interface ValueShape extends LayersShape {
  readonly sensorCount: number;
  readonly horizonSteps: number;
}

export function valueLayout(shape: ValueShape): ParameterLayout {
  return [
    ...layersLayout('encoder', shape),
    ...quantileLayout(
      dim('input', shape.inputSize),
      dim('hidden', shape.hiddenSize),
      shape.sensorCount * shape.horizonSteps,
    ),
  ];
}

export function valueLayers(shape: ValueShape, parameters: ReadonlyMap<string, Tensor>): Layers {
  return layersOf('encoder', shape, parameters);
}
