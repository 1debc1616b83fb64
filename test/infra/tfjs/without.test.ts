/** What must hold of the engine tfjs where TensorFlow.js is not installed. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../../domain/errors.js';
import { readOnnx } from '../../../infra/tfjs/onnx-file.js';
import { operatorCalled } from '../../../infra/tfjs/operators.js';
import { findTfjs } from '../../../infra/tfjs/packages.js';
import { buildTrainingStep, buildValidation } from '../../../model/network-graph.js';
import {
  everyNetwork,
  randomForecast,
  smallHistories,
  smallPreprocessing,
  smallShape,
} from '../../model/fixtures.js';

test('without TensorFlow.js the engine tfjs says what to install', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millwright-no-tfjs-'));
  try {
    assert.throws(
      () => findTfjs(['node', 'wasm'], folder),
      (error: unknown) =>
        error instanceof UserError &&
        error.message.includes(folder) &&
        /npm install @tensorflow\/tfjs-node@4\.22.*or `npm install @tensorflow\/tfjs@4\.22/.test(
          error.message,
        ) &&
        /`engine: onnx`/.test(error.message),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('it knows every operator that our graphs are made of', () => {
  const preprocessing = smallPreprocessing(smallHistories(20));
  const options = { batchSize: 4, weightDecay: 0.01, clipNorm: 1, dropout: 0.1, remainingLifeWeight: 1 };
  for (const kind of everyNetwork) {
    const shape = smallShape(preprocessing, { ...kind, remainingLife: true });
    const graphs = [
      randomForecast(preprocessing, 1, 1, { ...kind, remainingLife: true }),
      buildTrainingStep(shape, preprocessing, options),
      buildValidation(shape, preprocessing),
    ];
    const nodes = graphs.flatMap((bytes) => readOnnx(bytes).nodes);
    for (const { operator } of [...nodes, ...nodes.flatMap(({ body }) => body?.nodes ?? [])])
      operatorCalled(operator);
  }
});
