/** What the networks need from outside: something that runs graphs. */

export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array;

export interface TensorValue {
  readonly dims: readonly number[];
  readonly data: TensorData;
}

export type TensorValues = Readonly<Record<string, TensorValue>>;

/** A graph's output; throws where the graph has none of that name, which is a bug of whoever built it. */
export function outputOf(values: TensorValues, name: string): TensorValue {
  const value = values[name];
  if (value === undefined)
    throw new Error(`output "${name}": the graph has ${Object.keys(values).join(', ')}`);
  return value;
}

export interface LoadedGraph {
  /**
   * Runs the graph on one value per input; gives one value per output. The engine takes the feeds over: their
   * buffers may be gone afterwards. Runs of one graph happen one after the other.
   */
  run(feeds: TensorValues): Promise<TensorValues>;
  close(): Promise<void>;
}

/** Runs ONNX graphs. The same bytes and feeds give the same bits on the same machine. */
export interface Engine {
  /** `onnxBytes` are taken over, too. Rejects with a WorldError (`rejected`) when the engine refuses the graph. */
  load(onnxBytes: Uint8Array): Promise<LoadedGraph>;
  /** Waits for what is running, then frees everything. */
  close(): Promise<void>;
}
