/** The model card: what a person should know before trusting a version. */
import type { Calibration } from './calibration/calibrate.js';
import type { LifeInterval } from './calibration/life-interval.js';
import type { FinishedModel } from './finish.js';
import { describeNetwork } from './network.js';
import type { TrainedNetwork } from './trained-network.js';

export function writeCard(version: string, trained: TrainedNetwork, finished: FinishedModel): string {
  const { spec, preprocessing, config, validation } = trained;
  const brierAt = (day: number) => (validation.brier[day - 1] ?? NaN).toFixed(4);
  const days = [1, 7, 14, 30].filter((day) => day <= spec.horizonSteps);
  const dropped = spec.names.filter((_, column) => !preprocessing.keptColumns.includes(column));
  const isoDay = (timeMs: number) =>
    Number.isFinite(timeMs) ? new Date(timeMs).toISOString().slice(0, 10) : 'unknown';
  return `# Model ${version}

Reads the last ${spec.windowSteps} steps of a machine of type \`${spec.machineType}\` (and up to ${spec.contextSteps} for smoothing) and gives the
probability that it will have failed by the end of each of the next ${spec.horizonSteps} steps.

## Data

- ${new Set(trained.trainingMachines).size} machines trained on (${trained.trainingOriginCount} windows), ${new Set(trained.validationMachines).size} others judged by (${trained.validationOriginCount} windows).
${teacherText(trained)}- Steps that end from ${isoDay(trained.data.firstMs)} to ${isoDay(trained.data.lastMs)}.
- ${preprocessing.keptColumns.length} of ${spec.names.length} features are read${dropped.length === 0 ? '' : `; constant in training and left out: ${dropped.join(', ')}`}.
- Operating regimes: ${Math.max(1, preprocessing.regimes.centroids.length)}.

## How good it was on the validation machines

Mean Brier score over the horizon: ${validation.meanBrier.toFixed(4)} (0 is perfect). Survival loss: ${validation.loss.toFixed(5)}.

| step | Brier score |
| --- | --- |
${days.map((day) => `| ${day} | ${brierAt(day)} |`).join('\n')}

Early stopping chose the best of several checkpoints on these machines, so the figures are slightly flattering:
\`millwright backtest\` on other machines is the honest measure, with baselines beside it.

${calibrationText(finished.calibration)}${lifeIntervalText(finished.lifeInterval)}## Cost

- ${describeNetwork(trained.shape)}, ${trained.parameters.length} parameters, ${Math.round(finished.model.length / 1024)} KiB.
- Trained in ${(trained.trainedMs / 1000).toFixed(1)} s: ${trained.bestStep} steps of ${config.batchSize} windows up to the version kept, seed ${trained.seed}.

## Limits

- It knows the failures and the operating conditions of its training machines, no others.
- Features outside ±${preprocessing.clipSds} standard deviations of the training data count as that.
- A window shorter than ${spec.windowSteps} steps is used as it is; forecasts from a handful of steps rest on little.
`;
}

function teacherText({ teacher }: TrainedNetwork): string {
  if (!teacher) return '';
  return `- Distilled from \`${teacher.version}\`, which has the weight ${teacher.share} in its labels. If that learned from the validation machines,
  the figures below flatter.
`;
}

function calibrationText(calibration: Calibration | undefined): string {
  if (!calibration) return '';
  const { method, days, brierBefore, brierAfter } = calibration;
  const changed = days.flatMap((day, index) => (day === null ? [] : [index + 1]));
  return `## Calibration

Steps ${changed.join(', ')} are calibrated (${method}). On validation machines that it was not fitted to, their mean Brier score
fell from ${brierBefore.toFixed(4)} to ${brierAfter.toFixed(4)}; the figures above are without it.

`;
}

function lifeIntervalText(interval: LifeInterval | undefined): string {
  if (!interval) return '';
  const { coverage, capSteps, edges, halfWidths } = interval;
  const rows = halfWidths.map((width, band) => {
    const from = edges[band - 1] ?? 0;
    return `| ${from} to ${edges[band] ?? capSteps} | ${width.toFixed(1)} |`;
  });
  return `## Remaining life

Beside the remaining life stands an interval that holds it (cut at ${capSteps} steps) with a probability of at least ${coverage}, on a machine
like the validation machines, which it was fitted to.

| remaining life said, steps | plus or minus |
| --- | --- |
${rows.join('\n')}

`;
}
