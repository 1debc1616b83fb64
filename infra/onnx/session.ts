/** One graph in onnxruntime. Runs block the thread they are on: see worker.ts. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { LoadedGraph, TensorData, TensorValue, TensorValues } from '../../model/ports.js';

/**
 * One thread per session: at our sizes a second one gains nothing (measured), and sums keep one order, so that the
 * same feeds give the same bits.
 */
export async function loadSession(onnxBytes: Uint8Array): Promise<LoadedGraph> {
  const session = await InferenceSession.create(onnxBytes, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  return { run: (feeds) => runSession(session, feeds), close: () => session.release() };
}

async function runSession(session: InferenceSession, feeds: TensorValues): Promise<TensorValues> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, value] of Object.entries(feeds)) tensors[name] = toTensor(value);
  const results = await session.run(tensors);
  const values: Record<string, TensorValue> = {};
  for (const name of session.outputNames) {
    const tensor = results[name];
    if (tensor === undefined) throw new Error(`onnxruntime gave no output "${name}"`);
    values[name] = { dims: tensor.dims, data: tensor.data as TensorData };
  }
  return values;
}

function toTensor({ dims, data }: TensorValue): Tensor {
  const sizes = [...dims];
  if (data instanceof Float32Array) return new Tensor('float32', data, sizes);
  if (data instanceof Float64Array) return new Tensor('float64', data, sizes);
  if (data instanceof Int32Array) return new Tensor('int32', data, sizes);
  return new Tensor('int64', data, sizes);
}
