/** The thread that TensorFlow.js blocks, and the only place that loads it. */
import { workerData } from 'node:worker_threads';
import { serve } from '../engine/serve.js';
import { openTfjs, type TfjsPlace } from './packages.js';
import { loadProgram } from './program.js';

const tfjs = await openTfjs(workerData as TfjsPlace);
serve(async (onnxBytes) => loadProgram(tfjs, onnxBytes));
