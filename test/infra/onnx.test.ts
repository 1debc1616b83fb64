import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { engineConformance } from '../conformance/engine.js';

describe('the onnxruntime engine', () => {
  engineConformance('onnxruntime', () => new OnnxEngine());

  it('tells nobody of its work: where telemetry keeps the id of the computer, nothing is', (t) => {
    const home = mkdtempSync(join(tmpdir(), 'millwright-home-'));
    t.after(() => rmSync(home, { recursive: true }));
    const program = `
      import(${JSON.stringify(resolve('dist/infra/onnx/engine.js'))}).then(async ({ OnnxEngine }) => {
        const engine = new OnnxEngine();
        await engine.load(new Uint8Array([1])).catch(({ message }) => console.log(message));
        await engine.close();
      });`;
    // Nothing else of this environment: in that of a CI service it is off by itself.
    const run = spawnSync(process.execPath, ['--eval', program], {
      env: { PATH: process.env.PATH, HOME: home },
      encoding: 'utf8',
    });
    assert.match(run.stdout, /onnxruntime refused/, run.stderr);
    assert.deepEqual(readdirSync(home, { recursive: true }), []);
  });
});
