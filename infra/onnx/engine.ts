/** Runs graphs with onnxruntime, which any network here is made for. */
import { ThreadEngine } from '../engine/thread-engine.js';

export class OnnxEngine extends ThreadEngine {
  constructor() {
    super('onnxruntime', new URL('./worker.js', import.meta.url));
  }
}
