/** Runs graphs with TensorFlow.js, where it is installed: the same bytes as onnxruntime, the same results to rounding. */
import { ThreadEngine } from '../engine/thread-engine.js';
import { findTfjs, type TfjsPlace } from './packages.js';

export class TfjsEngine extends ThreadEngine {
  /** Throws UserError, saying what to install, where there is no TensorFlow.js. */
  constructor(place: TfjsPlace = findTfjs()) {
    // TensorFlow greets on stderr; it reads this when it is loaded.
    process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
    super('TensorFlow.js', new URL('./worker.js', import.meta.url), place);
  }
}
