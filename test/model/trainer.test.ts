import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SetClock } from '../../domain/clock.js';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import { Rng } from '../../domain/rng.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { trainingConfigSchema } from '../../model/config.js';
import { diverged } from '../../model/divergence.js';
import type { TrainingProgress } from '../../model/trained-network.js';
import { train, trainNetwork } from '../../model/trainer.js';
import { marginalLogits, planTraining } from '../../model/training-plan.js';
import { smallHistories, smallSpec } from './fixtures.js';

const small = { hiddenSize: 8, batchSize: 16, steps: 60, validateEverySteps: 10, learningRate: 1e-2 };
const histories = smallHistories(20);

describe('the trainer', () => {
  let engine: OnnxEngine;
  before(() => {
    engine = new OnnxEngine();
  });
  after(() => engine.close());
  const run = (config: object, seed = 1, rest: object = {}) =>
    trainNetwork({
      spec: smallSpec,
      histories,
      config: trainingConfigSchema.parse({ ...small, ...config }),
      seed,
      engine,
      clock: new SetClock(0),
      ...rest,
    });

  it('learns: better than the marginal hazards on machines it has not seen, and reports on the way', async () => {
    const seen: TrainingProgress[] = [];
    const trained = await run({ steps: 200 }, 1, {
      onProgress: (progress: TrainingProgress) => seen.push(progress),
    });
    const [first, last] = [seen[0], seen[seen.length - 1]] as [TrainingProgress, TrainingProgress];
    assert.ok(last.bestLoss < 0.7 * first.validationLoss, `${first.validationLoss} to ${last.bestLoss}`);
    assert.equal(trained.validation.loss, last.bestLoss);
    assert.deepEqual(trained.log, seen);
    for (const each of seen)
      for (const value of Object.values({ ...each, ...each.parameterNorms, parameterNorms: 0 }))
        assert.ok(Number.isFinite(value));
    assert.equal(trained.validationMachines.length, 4);
  });

  it('gives the same bits for the same seed, others for another', async () => {
    const [a, b, c] = [await run({}), await run({}), await run({}, 2)];
    assert.deepEqual(a.parameters, b.parameters);
    assert.notDeepEqual(a.parameters, c.parameters);
  });

  it('does not mind in which order the machines and their lives come', async () => {
    const lives = histories.flatMap((history, index) => {
      const later = { ...history, originsMs: history.originsMs.map((originMs) => originMs + 1e10) };
      return index % 3 === 0 ? [history, later] : [history];
    });
    const shuffled = new Rng(9).shuffle([...lives]);
    const [a, b] = [await run({}, 1, { histories: lives }), await run({}, 1, { histories: shuffled })];
    assert.deepEqual(b, a);
  });

  it('sees neither the statistics nor the labels of the validation machines', async () => {
    const chosen = new Set((await run({ steps: 10 })).validationMachines);
    const strange = histories.map((history) =>
      chosen.has(history.machine)
        ? { ...history, rows: history.rows.map((value) => value * 3 + 7) }
        : history,
    );
    const [a, b] = [await run({ steps: 10 }), await run({ steps: 10 }, 1, { histories: strange })];
    assert.deepEqual(b.preprocessing, a.preprocessing);
    assert.deepEqual(b.parameters, a.parameters);
    assert.notEqual(b.validation.loss, a.validation.loss);
  });

  it('gives the same bits for the same seed with layers, dropout between them and a decoder', async () => {
    const config = { cell: 'gru', layers: 2, task: 'encoder-decoder', dropout: 0.3 };
    const [a, b] = [await run(config), await run(config)];
    assert.deepEqual(a.parameters, b.parameters);
    const without = await run({ ...config, dropout: 0 });
    assert.notDeepEqual(a.parameters, without.parameters);
  });

  it('refuses equal lengths where the window is shorter than the horizon', async () => {
    await assert.rejects(
      run({ task: 'equal-length' }, 1, { spec: { ...smallSpec, windowSteps: 4 } }),
      (error: unknown) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, /a window of at least 5 steps \(the horizon\), got 4/);
        return true;
      },
    );
  });

  it('can be judged by a later time instead of other machines', async () => {
    const trained = await run({ validation: 'later-time', steps: 20 });
    const spans = histories.map(({ originsMs }) => originsMs.at(-1) as number);
    assert.ok(trained.trainedUntilMs < Math.max(...spans));
    const later = histories.map((history) => ({
      ...history,
      rows: history.rows.map((value, index) => {
        const originMs = history.originsMs[Math.floor(index / smallSpec.names.length)] as number;
        return originMs > trained.trainedUntilMs + 86_400_000 ? 2 * value + 1 : value;
      }),
    }));
    const other = await run({ validation: 'later-time', steps: 20 }, 1, { histories: later });
    assert.deepEqual(other.preprocessing, trained.preprocessing);
    assert.notEqual(other.validation.loss, trained.validation.loss);
  });

  it('stops early, and keeps the best it had', async () => {
    const trained = await run({ steps: 2000, patience: 2, learningRate: 0.05 });
    const last = trained.log[trained.log.length - 1] as TrainingProgress;
    assert.ok(last.step < 2000, 'stopped');
    const losses = trained.log.map(({ validationLoss }) => validationLoss);
    assert.equal(trained.validation.loss, Math.min(...losses));
    assert.equal(trained.bestStep, trained.log[losses.indexOf(Math.min(...losses))]?.step);
  });

  const wild = { learningRate: 1e30, clipNorm: 1e30 };
  it('stops with a diagnosis when the loss is not finite', async () => {
    await assert.rejects(run(wild), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(
        error.message,
        /Training stopped at step \d+: the loss is .* The weights had run away before: .*encoder\.0\..* Lower `learningRate`/,
      );
      return true;
    });
  });

  it('names the gradient when that is what grows beyond all numbers', async () => {
    const { layout, parameters } = planTraining(
      smallSpec,
      histories,
      trainingConfigSchema.parse({ ...small, cell: 'rnn' }),
      1,
    );
    const gradient = parameters.map((value, index) => (index === parameters.length - 1 ? Infinity : value));
    const probed = { loss: 1, logits: new Float32Array(1), gradient, stepNorms: new Float32Array(1) };
    const scene = { step: 3, loss: 1, gradientNorm: Infinity, learningRate: 0.1, log: [] };
    const { message } = diverged({ ...scene, parameters, layout, probed });
    assert.match(
      message,
      /First to go was the gradient, of remaining-life\S*; the loss and all weights were finite/,
    );
  });

  it('tries once more at a tenth of the rate when told to, and no more than once', async () => {
    const told: number[] = [];
    const onRetry = (_: Error, rate: number) => told.push(rate);
    const [retried, wanted] = [
      // Weight decay alone makes the weights nine times as large at every step, or takes them away.
      await run({ learningRate: 1e3, onDivergence: 'retry' }, 1, { onRetry }),
      await run({ learningRate: 100 }),
    ];
    assert.deepEqual(told, [100]);
    assert.deepEqual(retried.parameters, wanted.parameters);
    assert.equal(retried.config.learningRate, 100);
    await assert.rejects(run({ ...wild, onDivergence: 'retry' }), /Training stopped/);
  });

  it('stops when told to, and leaves nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millwright-train-'));
    const abort = new AbortController();
    const modelsDirectory = join(folder, 'models');
    await assert.rejects(
      train({
        spec: smallSpec,
        histories,
        config: trainingConfigSchema.parse({ ...small, steps: 100_000, patience: 100_000 }),
        seed: 1,
        engine,
        clock: new SetClock(0),
        modelsDirectory,
        codeVersion: '0',
        signal: abort.signal,
        onProgress: () => abort.abort(new Error('enough')),
      }),
      /enough/,
    );
    assert.ok(!existsSync(modelsDirectory) || (await readdir(modelsDirectory)).length === 0);
    await rm(folder, { recursive: true });
  });

  it('refuses histories that there is nothing to learn from, and says why', async () => {
    await assert.rejects(run({}, 1, { histories: histories.slice(0, 1) }), /at least 2 machines .* got 1/);
    const calm = histories.map((history) => ({ ...history, eventDay: new Uint8Array(history.stepCount) }));
    await assert.rejects(run({}, 1, { histories: calm }), /None of the 20 machines has a failure/);
  });
});

describe('the first hazards', () => {
  it('are the shares that fail on day k of those that run until then', () => {
    const history: History = {
      machine: 'm',
      rows: new Float32Array(0),
      stepCount: 1000,
      originsMs: new Float64Array(1000),
      eventDay: Uint8Array.from({ length: 1000 }, (_, index) => (index < 100 ? 1 : 0)),
      knownDays: Uint8Array.from({ length: 1000 }, (_, index) => (index < 100 ? 1 : 2)),
    };
    const hazards = marginalLogits([history], 2).map((logit) => 1 / (1 + Math.exp(-logit)));
    assert.ok(Math.abs((hazards[0] as number) - 100.5 / 1100) < 1e-9);
    assert.ok(Math.abs((hazards[1] as number) - 0.5 / 1000) < 1e-9);
  });
});
