import type { Tensor } from '../graph.js';
import { multiply } from './multiply.js';
import { sigmoid } from './sigmoid.js';

/** ln(1 + e^x), without overflow. −softplus(x) = ln(1 − sigmoid(x)). */
export function softplus(x: Tensor): Tensor {
  const { graph } = x;
  const result = graph.precision === 'float32' ? graph.emitOne('Softplus', [x], x.dims) : composed(x);
  return graph.recordOne('softplus', [x], result, (d) => [() => multiply(d, sigmoid(x))]);
}

/** max(x, 0) + ln(1 + e^−|x|): onnxruntime has no Softplus in float64. */
function composed(x: Tensor): Tensor {
  const { graph, dims } = x;
  const minus = graph.emitOne('Neg', [graph.emitOne('Abs', [x], dims)], dims);
  const tail = graph.emitOne(
    'Log',
    [graph.emitOne('Add', [graph.emitOne('Exp', [minus], dims), graph.scalar(1)], dims)],
    dims,
  );
  return graph.emitOne('Add', [graph.emitOne('Max', [x, graph.scalar(0)], dims), tail], dims);
}
