/** Which engine runs the networks. */
import { OnnxEngine } from '../infra/onnx/engine.js';
import { TfjsEngine } from '../infra/tfjs/engine.js';
import type { Engine } from '../model/ports.js';

export const engineNames = ['onnx', 'tfjs'] as const;
export type EngineName = (typeof engineNames)[number];

/** Throws UserError, saying what to install, for an engine that is not there. */
export function openEngine(name: EngineName): Engine {
  return name === 'onnx' ? new OnnxEngine() : new TfjsEngine();
}
