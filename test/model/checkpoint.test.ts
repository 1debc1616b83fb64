import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SetClock } from '../../domain/clock.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import type { Checkpoint, CheckpointStore } from '../../model/checkpoint.js';
import { checkpointFolder } from '../../model/checkpoint-folder.js';
import { trainingConfigSchema } from '../../model/config.js';
import { trainNetwork } from '../../model/trainer.js';
import { smallHistories, smallSpec } from './fixtures.js';

const histories = smallHistories(20);
const base = { hiddenSize: 6, batchSize: 8, steps: 30, validateEverySteps: 10, learningRate: 1e-2 };

describe('a checkpoint', () => {
  let engine: OnnxEngine;
  let directory: string;
  before(async () => {
    engine = new OnnxEngine();
    directory = await mkdtemp(join(tmpdir(), 'millwright-checkpoint-'));
  });
  after(async () => {
    await engine.close();
    await rm(directory, { recursive: true });
  });
  const run = (config: object, rest: object = {}) =>
    trainNetwork({
      spec: smallSpec,
      histories,
      config: trainingConfigSchema.parse({ ...base, ...config }),
      seed: 3,
      engine,
      clock: new SetClock(0),
      ...rest,
    });
  let folderCount = 0;
  const newFolder = () => join(directory, String(++folderCount));
  /** Saves so many, then stops the training as a power cut would: nothing after the last save is kept. */
  const cutAfter = (saves: number, store: CheckpointStore): CheckpointStore => ({
    load: store.load,
    save: async (checkpoint) => {
      await store.save(checkpoint);
      saves -= 1;
      if (saves === 0) throw new Error('power cut');
    },
  });

  const kinds: Readonly<Record<string, object>> = {
    'the default recipe': {},
    'Adam, steps down, no mean of the parameters, no dropout': {
      optimizer: 'adam',
      schedule: 'step',
      decayEverySteps: 15,
      averageDecay: 0,
      dropout: 0,
    },
    'a plateau, a decoder, gradients through time': {
      cell: 'gru',
      task: 'encoder-decoder',
      schedule: 'plateau',
      plateauPatience: 0,
      decayFactor: 0.3,
      gradientsThroughTime: 'at-validations',
    },
    'a training that stops early': { patience: 2, learningRate: 0.3 },
  };
  for (const [name, config] of Object.entries(kinds))
    it(`lets training go on bit for bit wherever it was cut: ${name}`, async () => {
      const wanted = await run(config);
      const store = checkpointFolder(newFolder());
      for (let cut = 1; cut < wanted.log.length; cut++)
        await assert.rejects(run(config, { checkpoints: cutAfter(1, store) }), /power cut/);
      assert.deepEqual(await run(config, { checkpoints: store }), wanted);
      // And once more from the end: there is nothing left to do.
      const progress: unknown[] = [];
      const again = await run(config, {
        checkpoints: store,
        onProgress: (each: unknown) => progress.push(each),
      });
      assert.deepEqual([again, progress], [wanted, []]);
    });

  it('goes on at the lower rate of a retry', async () => {
    const config = { learningRate: 1e3, steps: 50, onDivergence: 'retry' };
    const wanted = await run(config);
    const store = checkpointFolder(newFolder());
    const retries: number[] = [];
    const onRetry = (_: Error, rate: number) => retries.push(rate);
    // The first attempt diverges; the cut comes in the second.
    let began = false;
    const cut: CheckpointStore = {
      load: store.load,
      save: async (checkpoint) => {
        await store.save(checkpoint);
        began ||= checkpoint.learningRate < 1e3;
        if (began) throw new Error('power cut');
      },
    };
    await assert.rejects(run(config, { checkpoints: cut, onRetry }), /power cut/);
    assert.deepEqual(await run(config, { checkpoints: store, onRetry }), wanted);
    assert.deepEqual(retries, [100]);
  });

  it('survives its text: NaN scores, bits of floats', async () => {
    const store = checkpointFolder(newFolder());
    let saved: Checkpoint | undefined;
    const keeping: CheckpointStore = {
      load: async () => undefined,
      save: async (checkpoint) => {
        const { best } = checkpoint;
        saved = structuredClone({
          ...checkpoint,
          moment1: checkpoint.moment1.map((value, index) => (index === 0 ? -0 : index === 1 ? 1e-42 : value)),
          best: { ...best, score: { ...best.score, brier: [NaN, ...best.score.brier.slice(1)] } },
        });
        await store.save(saved);
      },
    };
    await run({ steps: 10 }, { checkpoints: keeping });
    assert.deepEqual(await store.load(), saved);
  });

  it('leaves the log of the training beside it, a line per validation', async () => {
    const folder = newFolder();
    const { log } = await run({}, { checkpoints: checkpointFolder(folder) });
    assert.deepEqual((await readdir(folder)).sort(), ['checkpoint.json', 'training-log.jsonl']);
    const lines = (await readFile(join(folder, 'training-log.jsonl'), 'utf8')).trim().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      log,
    );
  });

  it('of another training is refused, with the first thing that differs', async () => {
    const store = checkpointFolder(newFolder());
    await assert.rejects(run({}, { checkpoints: cutAfter(1, store) }), /power cut/);
    const refused = (what: RegExp, config: object, rest: object = {}) =>
      assert.rejects(run(config, { checkpoints: store, ...rest }), what);
    await refused(/it began with `hiddenSize: 6`, now it is 7\. .*leave out --resume/, { hiddenSize: 7 });
    await refused(/it began with seed 3, now it is 4/, {}, { seed: 4 });
    await refused(/the history is another/, {}, { histories: histories.slice(1) });
    await refused(
      /the features of the machine type are others/,
      {},
      { spec: { ...smallSpec, contextSteps: 11 } },
    );
  });

  it('that is damaged is refused by name', async () => {
    const folder = newFolder();
    const store = checkpointFolder(folder);
    await assert.rejects(run({}, { checkpoints: cutAfter(1, store) }), /power cut/);
    const file = join(folder, 'checkpoint.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.slice(0, -100));
    await assert.rejects(run({}, { checkpoints: store }), /checkpoint\.json is not whole/);
    await writeFile(file, text.replace('"formatVersion":1', '"formatVersion":9'));
    await assert.rejects(
      run({}, { checkpoints: store }),
      /checkpoint\.json cannot be resumed from \(formatVersion/,
    );
  });
});
