/** The thread that onnxruntime blocks. */
import { serve } from '../engine/serve.js';
import { loadSession } from './session.js';

serve(loadSession);
