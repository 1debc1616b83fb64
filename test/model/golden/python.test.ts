/**
 * The served graphs in another runtime: ONNX's own checker accepts them, and Python's onnxruntime gives our predictor's
 * curves from raw windows. Needs a Python with numpy, onnx and onnxruntime, named by MILLWRIGHT_PYTHON.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { OnnxEngine } from '../../../infra/onnx/engine.js';
import { calibrateModel } from '../../../model/calibration/calibration-graph.js';
import { joinForecasts } from '../../../model/ensemble.js';
import { decodeModel, encodeModel } from '../../../model/graph/model-file.js';
import { NetworkPredictor } from '../../../model/predict.js';
import {
  everyNetwork,
  randomForecast,
  smallHistories,
  smallPreprocessing,
  smallSpec,
  windowAt,
} from '../fixtures.js';

const python = process.env.MILLWRIGHT_PYTHON;
const skip = python ? false : 'NOT RUN: MILLWRIGHT_PYTHON names no Python with numpy, onnx and onnxruntime';

it("every network, and a calibrated ensemble, gives in Python's onnxruntime what it gives here, to 1e-6", {
  skip,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'millwright-python-'));
  const engine = new OnnxEngine();
  try {
    const histories = smallHistories(12);
    const preprocessing = smallPreprocessing(histories);
    const windows = histories.flatMap((history) => [1, 4, 7, 11].map((step) => windowAt(history, step)));
    const ours = new Map<string, Float32Array>();
    for (const [index, network] of everyNetwork.entries()) {
      const model = randomForecast(preprocessing, 3, 1, network);
      await writeFile(join(folder, `${index}.onnx`), model);
      const predictor = new NetworkPredictor('test', smallSpec, await engine.load(model));
      ours.set(`${index}.onnx`, await predictor.predict(windows));
      await predictor.close();
    }
    const members = [5, 6].map((seed) => {
      const days = Array.from({ length: smallSpec.horizonSteps }, () => ({ slope: 0.7, intercept: -0.2 }));
      const calibration = { method: 'platt', days, brierBefore: 0, brierAfter: 0 } as const;
      return encodeModel(calibrateModel(decodeModel(randomForecast(preprocessing, seed)), calibration));
    });
    const joined = joinForecasts(members, smallSpec.horizonSteps, {});
    await writeFile(join(folder, 'calibrated-ensemble.onnx'), joined);
    const predictor = new NetworkPredictor('test', smallSpec, await engine.load(joined));
    ours.set('calibrated-ensemble.onnx', await predictor.predict(windows));
    await predictor.close();
    const values = windows.flatMap(({ rows }) =>
      [...rows].map((value) => (Number.isNaN(value) ? null : value)),
    );
    const dims = [windows.length, smallSpec.contextSteps, smallSpec.names.length];
    await writeFile(join(folder, 'windows.json'), JSON.stringify({ dims, values }));
    const printed = execFileSync(python as string, ['test/model/golden/run_onnx.py', folder], {
      encoding: 'utf8',
      maxBuffer: 1e8,
    });
    const theirs = JSON.parse(printed) as Record<string, number[]>;
    assert.equal(Object.keys(theirs).length, everyNetwork.length + 1);
    for (const [file, curves] of ours) {
      assert.equal(theirs[file]?.length, curves.length);
      curves.forEach((value, index) => {
        assert.ok(Math.abs(value - (theirs[file]?.[index] as number)) <= 1e-6, `${file} at ${index}`);
      });
    }
  } finally {
    await engine.close();
    await rm(folder, { recursive: true });
  }
});
