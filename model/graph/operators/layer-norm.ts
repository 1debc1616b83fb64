import { checkDims, type Dim, type Dims } from '../dims.js';
import type { Tensor } from '../graph.js';
import { divide } from './divide.js';
import { multiply } from './multiply.js';
import { subtract } from './subtract.js';
import { sumTo } from './sum-to.js';
import { squareRoot } from './without-gradient.js';

const epsilon = 1e-5;

/**
 * Each vector along the last dimension to mean 0 and variance 1, then times `gain` plus `bias`, both [D]. The variance
 * is that of the vector itself (divided by D), plus 1e-5. Source: Ba, Kiros & Hinton 2016.
 */
export function layerNorm(x: Tensor, gain: Tensor, bias: Tensor): Tensor {
  const last = x.dims[x.dims.length - 1] as Dim;
  checkDims('layerNorm', 'gain', gain.dims, [last]);
  checkDims('layerNorm', 'bias', bias.dims, [last]);
  const { graph } = x;
  const result = graph.emitOne('LayerNormalization', [x, gain, bias], x.dims, {
    axis: { int: -1 },
    epsilon: { float: epsilon },
  });
  return graph.recordOne('layerNorm', [x, gain, bias], result, (d) => {
    const centred = subtract(x, mean(x));
    const spread = squareRoot(
      graph.emitOne('Add', [mean(multiply(centred, centred)), graph.scalar(epsilon)], meanDims(x.dims)),
    );
    const normal = divide(centred, spread);
    return [
      () => {
        const scaled = multiply(d, gain);
        const along = multiply(normal, mean(multiply(scaled, normal)));
        return divide(subtract(subtract(scaled, mean(scaled)), along), spread);
      },
      () => sumTo(multiply(d, normal), gain.dims),
      () => sumTo(d, bias.dims),
    ];
  });
}

function meanDims(dims: Dims): Dims {
  return dims.map((each, axis) => (axis === dims.length - 1 ? { name: each.name, size: 1 } : each));
}

/** Mean along the last dimension, which becomes 1. */
function mean(x: Tensor): Tensor {
  return x.graph.emitOne('ReduceMean', [x], meanDims(x.dims), { axes: { ints: [-1] }, keepdims: { int: 1 } });
}
