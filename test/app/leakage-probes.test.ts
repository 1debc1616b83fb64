// The probes on a trained network, and on predictors and networks that cheat.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Deployment } from '../../app/config.js';
import { buildHistories } from '../../app/history.js';
import { runProbes } from '../../app/leakage-probes.js';
import { formatProbes } from '../../app/leakage-probes-text.js';
import { silentLogger } from '../../app/logger.js';
import { modelInUse } from '../../app/model-folder.js';
import { networkStatistics } from '../../app/network-statistics.js';
import { openPredictors, type Predictors, requirePredictor } from '../../app/predictors.js';
import type { Dataset } from '../../domain/dataset.js';
import type { History, Predictor } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import { Rng } from '../../domain/rng.js';
import { type ReadArtifact, readArtifact } from '../../model/artifact.js';
import { fitPreprocessing } from '../../model/preprocessing.js';
import { makePlant, type Plant, pumpHistory, removePlant, trainPumps } from '../scenarios/plant.js';

let plant: Plant;
let deployment: Deployment;
let type: MachineType;
let predictors: Predictors;
let predictor: Predictor;
let artifact: ReadArtifact;
let training: readonly History[];
let dataset: Dataset;

before(async () => {
  plant = makePlant();
  deployment = await trainPumps(plant);
  type = deployment.types.get('pump') as MachineType;
  predictors = await openPredictors(deployment, silentLogger);
  predictor = requirePredictor(predictors.byType, 'pump');
  artifact = await readArtifact(await modelInUse(deployment.config.model.dir, 'pump'));
  dataset = pumpHistory();
  training = (await buildHistories(deployment, dataset)).get('pump') ?? [];
});
after(async () => {
  await predictors.close();
  removePlant(plant);
});

test('forecasts do not know what comes after them; with damaged outcomes the skill of all is gone', async () => {
  const probes = await runProbes({ deployment, type, predictor, dataset, training, artifact });
  const { lookAhead, shuffledFutures, shiftedLabels, wholeSetStatistics } = probes;
  assert.ok(lookAhead.forecastCount > 50, `${lookAhead.forecastCount} forecasts`);
  assert.equal(lookAhead.changedCount, 0);
  assert.ok(lookAhead.laterChangedCount > 50, `${lookAhead.laterChangedCount} later ones`);
  assert.equal(shuffledFutures.length, 4);
  for (const { name, verdict } of [...shuffledFutures, ...shiftedLabels.forecasters])
    assert.notEqual(verdict, 'too-good', name);
  assert.ok(shiftedLabels.forecasters.some(({ verdict }) => verdict === 'collapsed'));
  assert.equal(wholeSetStatistics.network.verdict, 'training-only');
  assert.deepEqual(JSON.parse(JSON.stringify(probes)), probes);
  assert.match(formatProbes(probes), /0 of \d+ forecasts from before changed/);
});

test('a forecast that looks ahead is found', async () => {
  // It says something else when it has seen the whole history, as one does whose statistics move with what comes.
  let askedCount = 0;
  const cheat: Predictor = {
    version: 'cheat',
    spec: predictor.spec,
    predict: async (windows) => {
      askedCount += windows.length;
      return new Float32Array(windows.length * type.horizonSteps).fill(1 / (1 + askedCount));
    },
    close: async () => {},
  };
  const { lookAhead, warnings } = await runProbes({
    deployment,
    type,
    predictor: cheat,
    dataset,
    training,
    artifact,
  });
  assert.ok(lookAhead.changedCount > 0);
  assert.ok(warnings.some((warning) => /they look ahead/.test(warning)));
});

test('statistics of the whole set are told from those of the training machines', () => {
  const learned = training.slice(0, 3);
  const judged = training.slice(3);
  const seen = {
    trainingMachines: learned.map(({ machine }) => machine),
    validationMachines: [],
    trainedUntilMs: 0,
  };
  const fit = (histories: readonly History[]) =>
    fitPreprocessing(predictor.spec, histories, { smoothingAlphas: [], clipSds: 6 }, new Rng(1));
  const verdict = (histories: readonly History[]) =>
    networkStatistics(fit(histories), seen, learned, judged).verdict;
  assert.equal(verdict(learned), 'training-only');
  assert.equal(verdict([...learned, ...judged]), 'whole-set');
  assert.equal(networkStatistics(fit(learned), undefined, learned, judged).verdict, 'unknown');
});
