import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { wallClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { readReference, type WrittenArtifact } from '../../model/artifact.js';
import { trainingConfigSchema } from '../../model/config.js';
import { openPredictor } from '../../model/predict.js';
import { train } from '../../model/trainer.js';
import { smallHistories, smallSpec, windowAt } from './fixtures.js';

const histories = smallHistories(12);
const config = trainingConfigSchema.parse({
  hiddenSize: 8,
  batchSize: 16,
  steps: 20,
  validateEverySteps: 10,
});

describe('an artifact', () => {
  let engine: OnnxEngine;
  let folder: string;
  let written: WrittenArtifact;
  before(async () => {
    engine = new OnnxEngine();
    folder = await mkdtemp(join(tmpdir(), 'millwright-artifact-'));
    written = await trainInto(join(folder, 'models'));
  });
  after(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });
  const trainInto = (modelsDirectory: string, seed = 1) =>
    train({
      spec: smallSpec,
      histories,
      config,
      seed,
      engine,
      clock: wallClock,
      modelsDirectory,
      codeVersion: '1.2.3',
    });

  it('is a folder named by its version, with nothing beside it', async () => {
    assert.deepEqual(await readdir(join(folder, 'models')), [written.version]);
    assert.deepEqual((await readdir(written.directory)).sort(), [
      'card.md',
      'fallback.json',
      'manifest.json',
      'metrics.json',
      'model.onnx',
      'preprocessing.json',
      'reference.json',
      'training-log.jsonl',
    ]);
    const manifest = JSON.parse(await readFile(join(written.directory, 'manifest.json'), 'utf8')) as {
      codeVersion: string;
      spec: { names: string[] };
    };
    assert.equal(manifest.codeVersion, '1.2.3');
    assert.deepEqual(manifest.spec.names, smallSpec.names);
    const log = (await readFile(join(written.directory, 'training-log.jsonl'), 'utf8')).trim().split('\n');
    assert.equal(log.length, 2);
    const card = await readFile(join(written.directory, 'card.md'), 'utf8');
    assert.match(card, /constant in training and left out: constant\.mean/);
    assert.match(card, /1970-01-02/);
  });

  it('is the same version with the same bits for the same seed, another for another', async () => {
    const again = await trainInto(join(folder, 'again'));
    const other = await trainInto(join(folder, 'again'), 2);
    assert.equal(again.version, written.version);
    assert.notEqual(other.version, written.version);
    const bytes = await Promise.all(
      [written, again].map(({ directory }) => readFile(join(directory, 'model.onnx'))),
    );
    assert.deepEqual(bytes[0], bytes[1]);
  });

  it('opens and forecasts, under its version, with its features', async () => {
    const predictor = await openPredictor(written.directory, engine, smallSpec);
    assert.equal(predictor.version, written.version);
    assert.deepEqual(predictor.spec, smallSpec);
    const curve = await predictor.predict([windowAt(histories[0] as (typeof histories)[number], 9)]);
    assert.equal(curve.length, smallSpec.horizonSteps);
    assert.ok(curve.every((value) => value >= 0 && value <= 1));
    await predictor.close();
  });

  it('that an earlier Millwright wrote opens, and forecasts what it forecast', async () => {
    // Written by Millwright 0.1.0 before there were cells beside the LSTM, with what it forecast for two windows.
    const stored = JSON.parse(
      gunzipSync(await readFile('test/model/golden/artifact-format-1.json.gz')).toString('utf8'),
    ) as { version: string; curves: number[]; files: Record<string, string> };
    const directory = join(folder, 'earlier', stored.version);
    await mkdir(directory, { recursive: true });
    for (const [file, content] of Object.entries(stored.files))
      await writeFile(join(directory, file), Buffer.from(content, 'base64'));
    const predictor = await openPredictor(directory, engine, smallSpec);
    const many = smallHistories(20);
    const curves = await predictor.predict([
      windowAt(many[0] as (typeof histories)[number], 9),
      windowAt(many[1] as (typeof histories)[number], 3),
    ]);
    assert.equal(await readReference(directory), undefined);
    assert.equal(curves.length, stored.curves.length);
    curves.forEach((value, day) => {
      assert.ok(Math.abs(value - (stored.curves[day] as number)) < 1e-6);
    });
    await predictor.close();
  });

  it('keeps what its training was like, which is refused once it was changed', async () => {
    const reference = await readReference(written.directory);
    const { seen } = written.metrics;
    assert.deepEqual(
      reference?.machines.map(({ machine }) => machine),
      [...(seen?.trainingMachines ?? [])].sort(),
    );
    assert.equal(reference?.lastMs, seen?.trainedUntilMs);
    assert.deepEqual(
      reference?.forecasts?.map(({ name }) => name),
      smallSpec.horizonSteps > 7
        ? ['forecast.7', `forecast.${smallSpec.horizonSteps}`]
        : [`forecast.${smallSpec.horizonSteps}`],
    );
    assert.ok(reference?.forecasts?.every(({ counts }) => counts.reduce((sum, count) => sum + count, 0) > 0));
    const changed = join(folder, 'changed', written.version);
    await cp(written.directory, changed, { recursive: true });
    await writeFile(join(changed, 'reference.json'), '{}');
    await assert.rejects(readReference(changed), /reference\.json was changed after it was written/);
  });

  it('of another cell and task opens under a version that names the cell', async () => {
    const directory = join(folder, 'others');
    const { version, directory: at } = await train({
      spec: smallSpec,
      histories,
      config: { ...config, cell: 'gru', layers: 2, task: 'encoder-decoder-recursive' },
      seed: 1,
      engine,
      clock: wallClock,
      modelsDirectory: directory,
      codeVersion: '1.2.3',
    });
    assert.match(version, /^gru-[0-9a-f]{12}$/);
    assert.match(
      await readFile(join(at, 'card.md'), 'utf8'),
      /2 layers of GRU of 8 units, encoder-decoder-recursive, \d+ parameters/,
    );
    const predictor = await openPredictor(at, engine, smallSpec);
    const curve = await predictor.predict([windowAt(histories[0] as (typeof histories)[number], 9)]);
    assert.ok(curve.every((value) => value > 0 && value < 1));
    await predictor.close();
  });

  it('that is written again replaces its folder', async () => {
    await trainInto(join(folder, 'again'));
    const predictor = await openPredictor(join(folder, 'again', written.version), engine);
    await predictor.close();
  });

  const editJson =
    (file: string, edit: (value: Record<string, unknown> & { spec: Record<string, unknown> }) => void) =>
    async (directory: string) => {
      const path = join(directory, file);
      const value = JSON.parse(await readFile(path, 'utf8'));
      edit(value);
      await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
    };
  const flip = (file: string, at: number) => async (directory: string) => {
    const path = join(directory, file);
    const bytes = await readFile(path);
    const index = Math.floor(at * (bytes.length - 1));
    bytes[index] = (bytes[index] as number) ^ 1;
    await writeFile(path, bytes);
  };
  const remove = (file: string) => (directory: string) => rm(join(directory, file));
  const swapped = ['vibration.mean', 'speed.mean', ...smallSpec.names.slice(2)];

  const faults: readonly [string, (directory: string) => Promise<void>, RegExp][] = [
    ['a byte of the model flipped', flip('model.onnx', 0.5), /model\.onnx was changed/],
    ['the last byte of the model flipped', flip('model.onnx', 1), /model\.onnx was changed/],
    ['a byte of the card flipped', flip('card.md', 0.3), /card\.md was changed/],
    ['the model cut short', (d) => writeFile(join(d, 'model.onnx'), 'x'), /model\.onnx was changed/],
    ['no model', remove('model.onnx'), /model\.onnx is missing/],
    ['no preprocessing', remove('preprocessing.json'), /preprocessing\.json is missing/],
    ['no metrics', remove('metrics.json'), /metrics\.json is missing/],
    ['no manifest', remove('manifest.json'), /manifest\.json is missing/],
    [
      'a manifest that is no JSON',
      (d) => writeFile(join(d, 'manifest.json'), '{'),
      /manifest\.json is not JSON/,
    ],
    [
      'a manifest that is something else',
      (d) => writeFile(join(d, 'manifest.json'), '[]'),
      /format version undefined/,
    ],
    [
      'the order of features changed',
      editJson('preprocessing.json', (value) => {
        value.spec.names = swapped;
      }),
      /feature 0 is "speed\.mean" in manifest\.json, "vibration\.mean" in preprocessing\.json/,
    ],
    [
      'another window',
      editJson('preprocessing.json', (value) => {
        value.spec.windowSteps = 7;
      }),
      /windowSteps is 6 in manifest\.json, 7 in preprocessing\.json/,
    ],
    [
      'a statistic changed',
      editJson('preprocessing.json', (value) => {
        value.clipSds = 5;
      }),
      /preprocessing\.json was changed/,
    ],
    [
      'a field that does not belong',
      editJson('manifest.json', (value) => {
        value.surprise = 1;
      }),
      /manifest\.json is not as it should be/,
    ],
    [
      'another format version',
      editJson('manifest.json', (value) => {
        value.formatVersion = 2;
      }),
      /manifest\.json has format version 2, this Millwright reads 1/,
    ],
    [
      'another version in the manifest',
      editJson('manifest.json', (value) => {
        value.version = 'lstm-000000000000';
      }),
      /model\.onnx is not that of version lstm-000000000000/,
    ],
  ];
  for (const [name, damage, message] of faults)
    it(`with ${name} does not load, and says so`, async () => {
      const directory = join(folder, 'damaged');
      await cp(written.directory, directory, { recursive: true });
      try {
        await damage(directory);
        await assert.rejects(openPredictor(directory, engine), (error: unknown) => {
          assert.ok(error instanceof UserError);
          assert.match(error.message, message);
          assert.ok(error.message.includes(directory), 'names the folder');
          return true;
        });
      } finally {
        await rm(directory, { recursive: true });
      }
    });

  it('of another version of the program does not load, a patch of the same one does', async () => {
    for (const running of ['1.2.3', '1.2.9', '1.2.0']) {
      const predictor = await openPredictor(written.directory, engine, smallSpec, running);
      await predictor.close();
    }
    for (const running of ['1.3.0', '1.1.3', '2.2.3', '0.1.0'])
      await assert.rejects(openPredictor(written.directory, engine, smallSpec, running), (error: unknown) => {
        assert.ok(error instanceof UserError);
        assert.match(
          error.message,
          /trained by Millwright 1\.2\.3 and this is \d\.\d\.\d, which may compute/,
        );
        return true;
      });
  });

  it('in a folder that is not there does not load', async () => {
    await assert.rejects(openPredictor(join(folder, 'nowhere'), engine), /manifest\.json is missing/);
  });

  const misfits: readonly [string, Partial<typeof smallSpec>, RegExp][] = [
    ['type', { machineType: 'press' }, /machine type is "pump" in the model, "press" in the machine type/],
    ['order', { names: swapped }, /feature 0 is "speed\.mean" in the model, "vibration\.mean"/],
    [
      'number',
      { names: smallSpec.names.slice(0, 6) },
      /feature 6 "age" of the model is missing in the machine type/,
    ],
    [
      'unit',
      { units: ['rps', ...smallSpec.units.slice(1)] },
      /unit of feature "speed\.mean" is "rpm" in the model, "rps"/,
    ],
    ['settings', { settingColumns: [] }, /operating settings is "speed\.mean" in the model, none/],
    ['window', { windowSteps: 5 }, /windowSteps is 6 in the model, 5/],
    ['context', { contextSteps: 12 }, /contextSteps is 10 in the model, 12/],
    ['horizon', { horizonSteps: 4 }, /horizonSteps is 5 in the model, 4/],
  ];
  for (const [name, change, message] of misfits)
    it(`does not load for a machine type of another ${name}, and says which`, async () => {
      await assert.rejects(
        openPredictor(written.directory, engine, { ...smallSpec, ...change }),
        (error: unknown) => {
          assert.ok(error instanceof UserError);
          assert.match(error.message, message);
          return true;
        },
      );
    });
});
