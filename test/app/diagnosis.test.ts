// A trained network's own machines are told from others, and the report needs nothing but itself.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Deployment } from '../../app/config.js';
import { diagnoseVersion } from '../../app/diagnosis.js';
import { diagnosisHtml } from '../../app/diagnosis-html.js';
import { buildHistories } from '../../app/history.js';
import { currentVersionFolder } from '../../app/model-folder.js';
import { UserError } from '../../domain/errors.js';
import type { History } from '../../domain/features.js';
import { readArtifact } from '../../model/artifact.js';
import { makePlant, type Plant, pumpHistory, removePlant, trainPumps } from '../scenarios/plant.js';

let plant: Plant;
let deployment: Deployment;
let directory: string;
let histories: readonly History[];

before(async () => {
  plant = makePlant();
  deployment = await trainPumps(plant);
  directory = (await currentVersionFolder(deployment.config.model.dir, 'pump')) ?? '';
  histories = (await buildHistories(deployment, pumpHistory())).get('pump') ?? [];
});
after(() => removePlant(plant));

test('machines that it was trained on are one part, all others the other', async () => {
  const { metrics } = await readArtifact(directory);
  const diagnosis = await diagnoseVersion(directory, histories);
  assert.equal(diagnosis.training?.machineCount, metrics.trainingMachineCount);
  assert.equal(diagnosis.unseen.machineCount, metrics.validationMachineCount);
  const brier = diagnosis.unseen.brier;
  assert.ok(
    brier !== null && Math.abs(brier - metrics.validationMeanBrier) < 1e-6,
    'as the validation has it',
  );
  assert.deepEqual(
    diagnosis.days.map(({ day }) => day),
    [1, 5],
  );
  assert.ok(diagnosis.losses.length > 0 && diagnosis.verdicts.length > 0);
});

test('only machines that it was trained on: nothing to judge by', async () => {
  const { metrics } = await readArtifact(directory);
  const own = histories.filter(({ machine }) => metrics.seen?.trainingMachines.includes(machine));
  await assert.rejects(diagnoseVersion(directory, own), UserError);
});

test('the report needs nothing but itself, and has no figure that is none', async () => {
  const diagnosis = await diagnoseVersion(directory, histories);
  const html = diagnosisHtml({ ...diagnosis, version: '<lstm & co>' });
  assert.match(html, /<h1>Diagnosis of &#60;lstm &#38; co&#62;<\/h1>/);
  assert.doesNotMatch(html, /https?:|<script|<link|<img|src=|url\(|@import/);
  assert.doesNotMatch(html, /NaN|Infinity|undefined/);
  for (const { name } of diagnosis.verdicts) assert.ok(html.includes(name.replaceAll('-', ' ')));
  assert.equal(html.match(/<figure>/g)?.length, 1 + 2 + 1 + 2, 'loss, two days, residuals, two days');
});
