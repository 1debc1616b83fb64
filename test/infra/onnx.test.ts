import { describe } from 'node:test';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { engineConformance } from '../conformance/engine.js';

describe('the onnxruntime engine', () => {
  engineConformance('onnxruntime', () => new OnnxEngine());
});
