/**
 * What a small network gains from learning from an ensemble, as JSON: mean Brier score over the horizon, remaining life and
 * cost on every cycle and on the last cycle of the test engines of a C-MAPSS subset. Students of the same size and seeds
 * learn from what came alone (weight 0), from both, and from the ensemble alone (1).
 *
 *   node dist/bench/distill.js <folder of the NASA files> <work folder> [subset] [seeds] [hidden size] [weights, by commas]
 *
 * The work folder keeps the networks; an ensemble that lies there from a run before is taken as it is.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readCmapssFleet } from '../app/benchmark/cmapss-fleet.js';
import { forecastOrigins } from '../app/benchmark/forecasters.js';
import { scoreRows } from '../app/benchmark/scores.js';
import { versionsFolder } from '../app/model-folder.js';
import { codeVersion, trainVersion } from '../app/training.js';
import type { CmapssSubset } from '../infra/files/cmapss.js';
import { OnnxEngine } from '../infra/onnx/engine.js';
import { readArtifact } from '../model/artifact.js';
import { trainingConfigSchema } from '../model/config.js';
import { isEnsembleVersion } from '../model/ensemble.js';
import { writeEnsemble } from '../model/ensemble-artifact.js';
import { inspectModel, sizeAt } from '../model/inspect.js';
import { openPredictor } from '../model/predict.js';

const [dir = '', work = '', subset = 'FD001', seedCount = '2', hiddenSize = '16', weights = '0,0.5,1'] =
  process.argv.slice(2);
const fleet = await readCmapssFleet(dir, subset as CmapssSubset);
const { type, training: histories, allOrigins, lastOrigins } = fleet;
const versions = versionsFolder(work, type.name);
await mkdir(versions, { recursive: true });
const engine = new OnnxEngine();
const isLast = new Set(lastOrigins);

async function score(directory: string) {
  const predictor = await openPredictor(directory, engine);
  const rows = await forecastOrigins(predictor, allOrigins);
  await predictor.close();
  const { model, version } = await readArtifact(directory);
  const { parameterCount, flops } = await inspectModel(model, engine);
  const all = scoreRows(rows, type.horizonSteps);
  const last = scoreRows(
    rows.filter((_, index) => isLast.has(allOrigins[index] as (typeof allOrigins)[number])),
    type.horizonSteps,
  );
  return {
    version,
    parameterCount,
    flops: sizeAt(flops, 1),
    meanBrier: { all: all.meanBrier, last: last.meanBrier },
    rmseCapped: { all: all.rul.rmseCapped, last: last.rul.rmseCapped },
  };
}

const train = (seed: number, hidden: number, teacher?: { directory: string; share: number }) =>
  trainVersion({
    type,
    histories,
    modelDir: work,
    config: trainingConfigSchema.parse({ hiddenSize: hidden }),
    seed,
    ...(teacher ? { teacher } : {}),
    onProgress: ({ step, of }) => step % 175 === 0 && console.error(`seed ${seed}: ${step} of ${of}`),
  });

const found = (await readdir(versions)).find(isEnsembleVersion);
let ensemble = found && join(versions, found);
if (!ensemble) {
  const members: string[] = [];
  for (const seed of [1, 2, 3]) members.push((await train(seed, 64)).directory);
  ensemble = (await writeEnsemble(versions, members, codeVersion())).directory;
}
const students = [];
for (const weight of weights.split(',').map(Number))
  for (let seed = 1; seed <= Number(seedCount); seed++) {
    const teacher = weight > 0 ? { directory: ensemble, share: weight } : undefined;
    const { directory } = await train(seed, Number(hiddenSize), teacher);
    const student = { weight, seed, ...(await score(directory)) };
    students.push(student);
    console.error(JSON.stringify(student));
  }
console.log(JSON.stringify({ bench: 'distill', subset, teacher: await score(ensemble), students }, null, 2));
await engine.close();
