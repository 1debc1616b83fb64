/** Walk-forward backtests with real trainings, in processes of their own, on a small plant of pumps. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runBacktest } from '../../app/backtest.js';
import { type Deployment, loadDeployment } from '../../app/config.js';
import { buildHistories, feedDataset } from '../../app/history.js';
import { trainVersion } from '../../app/training.js';
import type { FoldResult } from '../../app/walk/fold.js';
import { walkProtocolSchema } from '../../app/walk/protocol.js';
import { type WalkOutcome, type WalkRequest, walkForward } from '../../app/walk/walk.js';
import { costsSchema } from '../../backtest/alert-cost.js';
import { alertBoundsSchema } from '../../backtest/alert-score.js';
import { replayTopicSpecs } from '../../backtest/replay.js';
import type { Dataset } from '../../domain/dataset.js';
import type { History } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import { MemoryLog } from '../../infra/memory/log.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { trainingConfigSchema } from '../../model/config.js';
import { openPredictor } from '../../model/predict.js';
import { featureSpec } from '../../stream/features.js';
import { hourMs, makePlant, type Plant, pumpHistory, removePlant } from '../scenarios/plant.js';

const config = trainingConfigSchema.parse({ hiddenSize: 4, batchSize: 8, steps: 6, validateEverySteps: 2 });
const bounds = alertBoundsSchema.parse({});
const costs = costsSchema.parse({});
/** Refitted at the hours 34, 38 and 42; learned from are hours up to 29, 33 and 37. */
const protocol = walkProtocolSchema.parse({
  from: '1970-01-02T10:00',
  to: '1970-01-02T21:00',
  refitEverySteps: 4,
});

describe('a walk-forward backtest', () => {
  let plant: Plant;
  let deployment: Deployment;
  let type: MachineType;
  let whole: WalkOutcome;
  before(async () => {
    plant = makePlant();
    deployment = loadDeployment(plant.file);
    type = deployment.types.get('pump') as MachineType;
    whole = await walkForward(request('whole', { parallel: 2 }));
  });
  after(() => removePlant(plant));

  function request(keepIn: string, change: Partial<WalkRequest> = {}): WalkRequest {
    return {
      ...{ deployment, type, protocol, config, bounds, costs },
      source: { kind: 'dataset', dataset: pumpHistory() },
      keepIn: join(plant.dir, keepIn),
      parallel: 1,
      signal: new AbortController().signal,
      ...change,
    };
  }

  it('pools what all folds have forecast into one report', () => {
    const { backtest, folds, seeds } = whole;
    assert.deepEqual(
      folds.map(({ fold }) =>
        [fold.trainUntilMs, fold.fromMs, fold.lastOriginMs].map((timeMs) => timeMs / hourMs),
      ),
      [
        [29, 34, 37],
        [33, 38, 41],
        [37, 42, 45],
      ],
    );
    assert.equal(new Set(folds.map(({ version }) => version)).size, 3, 'three networks');
    const sum = folds.reduce((total, { judgedCount }) => total + judgedCount, 0);
    assert.ok(sum > 20, `${sum} rows`);
    assert.equal(backtest.report.rows.judgedCount, sum);
    assert.deepEqual(
      backtest.report.forecasters.map(({ name }) => name),
      ['walk-forward', 'marginal hazard', 'age (Weibull)', 'smoothing + linear', 'person-period logistic'],
    );
    assert.equal(seeds[0]?.forecasters[0]?.meanBrier, backtest.report.forecasters[0]?.meanBrier);
    assert.ok(backtest.replayed.alerts.length > 0);
  });

  it('has in each fold the numbers of a training and a backtest by hand over the same spans', async () => {
    for (const { fold, version, forecasters, judgedCount } of whole.folds) {
      // Files that end where the fold begins: nothing later is there to be known.
      const known = await buildHistories(deployment, cutAt(pumpHistory(), fold.fromMs));
      const training = (known.get('pump') ?? []).map((history) => rowsUntil(history, fold.trainUntilMs));
      const modelDir = join(plant.dir, 'by-hand');
      const artifact = await trainVersion({ type, histories: training, modelDir, config, seed: 1 });
      assert.equal(artifact.version, version);
      const engine = new OnnxEngine();
      const predictor = await openPredictor(artifact.directory, engine, featureSpec(type));
      const { report } = await runBacktest({
        ...{ deployment, type, predictor, training, bounds, costs },
        source: { kind: 'dataset', dataset: pumpHistory() },
        selection: 'all',
        period: fold,
      });
      await engine.close();
      assert.equal(report.rows.judgedCount, judgedCount);
      assert.deepEqual(
        report.forecasters.map(({ name, meanBrier, skill, concordance }) => ({
          name,
          meanBrier,
          skill,
          concordance,
        })),
        forecasters,
      );
    }
  });

  it('gives the same, one training at a time and after it was broken off, and does nothing twice', async () => {
    const abort = new AbortController();
    const broken = request('resumed', {
      signal: abort.signal,
      onFolds: ({ doneCount }) => {
        if (doneCount >= 1.5) abort.abort(new Error('enough'));
      },
    });
    await assert.rejects(walkForward(broken), /enough/);
    const kept = readdirSync(join(plant.dir, 'resumed', whole.keptIn.split('/').at(-1) as string));
    assert.deepEqual(kept.sort(), ['fold-1-seed-1.json', 'models']);
    const counts = new Set<string>();
    const resumed = await walkForward(
      request('resumed', {
        onFolds: ({ totalCount, keptCount }) => counts.add(`${keptCount} kept, ${totalCount} to do`),
      }),
    );
    assert.deepEqual([...counts], ['1 kept, 2 to do']);
    assert.deepEqual(figures(resumed), figures(whole));
    const again = await walkForward(
      request('resumed', { onFolds: () => assert.fail('nothing is left to do') }),
    );
    assert.deepEqual(figures(again), figures(whole));
  });

  it('learns nothing from what comes after: other data from there on give the same networks', async () => {
    const second = whole.folds[1]?.fold.fromMs as number;
    const changed = await walkForward(
      request('changed', { source: { kind: 'dataset', dataset: otherFrom(pumpHistory(), second) } }),
    );
    assert.notEqual(changed.keptIn.split('/').at(-1), whole.keptIn.split('/').at(-1));
    const versions = (outcome: WalkOutcome) => outcome.folds.map(({ version }) => version);
    assert.deepEqual(versions(changed).slice(0, 2), versions(whole).slice(0, 2));
    assert.notEqual(versions(changed)[2], versions(whole)[2], 'the third learns from what was changed');
    const statistics = (outcome: WalkOutcome, fold: number) =>
      readFileSync(join(networkOf(outcome, fold), 'preprocessing.json'), 'utf8');
    assert.equal(statistics(changed, 2), statistics(whole, 2));
    assert.notEqual(statistics(changed, 3), statistics(whole, 3));
    // Forecasts up to there do not change either, of networks or baselines.
    assert.deepEqual(forecastsBefore(changed, second), forecastsBefore(whole, second));
  });

  it('reads the log of the plant as it reads files: nothing is trained again', async () => {
    const log = new MemoryLog();
    await log.ensureTopics(replayTopicSpecs(deployment.config.log.partitions));
    for await (const records of feedDataset(deployment, pumpHistory())) await log.append(records);
    const { keptIn, backtest } = await walkForward(
      request('whole', { source: { kind: 'log', log }, onFolds: () => assert.fail('nothing is left to do') }),
    );
    assert.equal(keptIn, whole.keptIn);
    assert.deepEqual(backtest.replayed.forecasts, whole.backtest.replayed.forecasts);
    assert.deepEqual(backtest.replayed.alerts, whole.backtest.replayed.alerts);
    assert.ok(backtest.report.rows.judgedCount > 20);
  });

  it('judges other machines than it learns from, with several seeds', async () => {
    const apart = walkProtocolSchema.parse({
      ...protocol,
      trainMachines: [0, 1, 2, 3, 4, 5, 6].map((index) => `pump-${index}`),
      judgeMachines: ['pump-7', 'pump-8', 'pump-9'],
      trainingSteps: 20,
      seeds: [1, 2],
    });
    const { folds, seeds, backtest } = await walkForward(request('apart', { protocol: apart, parallel: 2 }));
    assert.deepEqual(
      folds.map(({ fold, seed }) => [fold.number, seed, (fold.trainUntilMs - fold.trainFromMs) / hourMs]),
      [1, 2].flatMap((seed) => [1, 2, 3].map((number) => [number, seed, 20])),
    );
    assert.ok(folds.every(({ trainingMachineCount }) => trainingMachineCount <= 7));
    assert.ok(backtest.observations.every(({ machine }) => /pump-[789]/.test(machine)));
    assert.notEqual(seeds[0]?.forecasters[0]?.meanBrier, seeds[1]?.forecasters[0]?.meanBrier);
    assert.deepEqual(
      seeds[0]?.forecasters.slice(1),
      seeds[1]?.forecasters.slice(1),
      'baselines have no seed',
    );
  });

  it('says what is wrong before anything is trained', async () => {
    const wrong = (change: object) =>
      walkForward(request('wrong', { protocol: walkProtocolSchema.parse({ ...protocol, ...change }) }));
    await assert.rejects(wrong({ judgeMachines: ['press-*'] }), /judgeMachines: no machine .* fits press-\*/);
    await assert.rejects(wrong({ from: '1970-01-01T04:00' }), /nothing to learn; write a later `from`/);
    await assert.rejects(wrong({ from: '1970-01-01T12:00' }), /fold 1 would learn .* no failure is known/);
    await assert.rejects(wrong({ from: '1970-03-01' }), /no origin lies between/);
    assert.equal(existsSync(join(plant.dir, 'wrong')), false);
  });

  function networkOf(outcome: WalkOutcome, number: number): string {
    return keptFold(outcome, number).directory;
  }
});

function keptFold({ keptIn }: WalkOutcome, number: number): FoldResult {
  return JSON.parse(readFileSync(join(keptIn, `fold-${number}-seed-1.json`), 'utf8')) as FoldResult;
}

function forecastsBefore(outcome: WalkOutcome, timeMs: number) {
  return keptFold(outcome, 1)
    .partitions.flat()
    .flatMap(({ record }) => (record.kind === 'forecast' && record.originMs < timeMs ? [record] : []));
}

const figures = ({ folds, seeds, backtest: { report, alerting, tradeOff, stories } }: WalkOutcome) => ({
  ...{ folds, seeds, report, alerting, tradeOff, stories },
});

/** The files as they were at a time. */
function cutAt(dataset: Dataset, timeMs: number): Dataset {
  return {
    ...dataset,
    async *records() {
      for await (const record of dataset.records()) if (record.timeMs < timeMs) yield record;
    },
  };
}

/** From a time on the pumps are cold, and none fails. */
function otherFrom(dataset: Dataset, timeMs: number): Dataset {
  return {
    ...dataset,
    async *records() {
      for await (const record of dataset.records())
        if (record.timeMs < timeMs) yield record;
        else if (record.kind === 'readings') yield { ...record, values: { temp: -10, vib: 1 } };
    },
  };
}

function rowsUntil(history: History, timeMs: number): History {
  const count = history.originsMs.filter((originMs) => originMs <= timeMs).length;
  return {
    ...history,
    stepCount: count,
    rows: history.rows.slice(0, count * (history.rows.length / history.stepCount)),
    originsMs: history.originsMs.slice(0, count),
    eventDay: history.eventDay.slice(0, count),
    ...(history.eventCauses ? { eventCauses: history.eventCauses.slice(0, count) } : {}),
    knownDays: history.knownDays.slice(0, count),
  };
}
