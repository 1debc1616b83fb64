/** Runs graphs with onnxruntime, which any network here is made for. */
import { ThreadEngine } from '../engine/thread-engine.js';

export class OnnxEngine extends ThreadEngine {
  constructor() {
    // From 1.29 on it tells its makers of models and sessions, and keeps an id of the computer, unless told not to before its
    // library is loaded. Set here: a worker's environment is a copy that the library does not see.
    process.env.ORT_DISABLE_TELEMETRY ??= '1';
    super('onnxruntime', new URL('./worker.js', import.meta.url));
  }
}
