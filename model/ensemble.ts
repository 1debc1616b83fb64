/**
 * Several networks as one: their model files side by side in one graph, and behind them the mean of what they say. It
 * knows nothing of what is inside the members, so that networks of any kind can be joined that read the same windows.
 *
 * Failure probabilities are joined by the mean of the cumulated hazards −ln(1 − F), so that a member which is sure of a
 * failure is heard. On engines of C-MAPSS FD002 that no member had seen, three networks so joined scored .0102, by the
 * mean of their probabilities .0105, alone .0112 (mean Brier); the order was the same in every setting tried.
 */
import { z } from 'zod';
import { assert } from '../domain/assert.js';
import { type Dim, dim } from './graph/dims.js';
import { encodeGraph } from './graph/encode.js';
import { Graph, type Tensor } from './graph/graph.js';
import { decodeModel, encodeModel, hasOutput, renamed, withMetadata } from './graph/model-file.js';
import { add } from './graph/operators/add.js';
import { divide } from './graph/operators/divide.js';
import { subtract } from './graph/operators/subtract.js';
import { maximum } from './graph/operators/without-gradient.js';
import { failedBy, padDays } from './heads/hazards.js';
import { type Preprocessing, preprocessingSchema } from './preprocessing.js';
import type { ValuePreprocessing } from './values/value-preprocessing.js';

/** preprocessing.json of an ensemble: every member standardises by its own training machines. */
export const ensemblePreprocessingSchema = z.strictObject({
  formatVersion: z.literal(1),
  spec: preprocessingSchema.shape.spec,
  members: z.array(preprocessingSchema).min(1),
});
export type EnsemblePreprocessing = z.output<typeof ensemblePreprocessingSchema>;

/** What preprocessing.json may hold. */
export type StoredPreprocessing = Preprocessing | EnsemblePreprocessing | ValuePreprocessing;

export const ensembleFamily = 'ensemble';

export function isEnsembleVersion(version: string): boolean {
  return version.startsWith(`${ensembleFamily}-`);
}

/**
 * Joins models of buildForecast, calibrated or not, or of this function, that have the same inputs (asserted). Of two or
 * more, `failureProbabilitiesLow` and `failureProbabilitiesHigh` [B, H] are the least and greatest that a member says of
 * a day. The remaining life, and its interval, are means, left out unless all members give them; the mean of intervals
 * misses only where one of them does. The same models in the same order give the same bytes.
 */
export function joinForecasts(
  models: readonly Uint8Array[],
  horizonSteps: number,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const members = models.map(decodeModel);
  const [first] = members;
  assert(first, 'at least one model to join');
  for (const { graph } of members)
    assert(JSON.stringify(graph.input) === JSON.stringify(first.graph.input), 'models with equal inputs');
  const lives = lifeOutputs.filter((output) => members.every((member) => hasOutput(member, output)));
  const means = decodeModel(encodeGraph(buildMeans(models.length, horizonSteps, lives)));

  const inputs = new Set(first.graph.input.map(({ name }) => name));
  const seams = new Set([...means.graph.input, ...means.graph.output].map(({ name }) => name));
  const parts = [
    ...members.map((member, index) =>
      renamed(member, (name) => (inputs.has(name) ? name : memberName(index, name))),
    ),
    renamed(means, (name) => (seams.has(name) ? name : `mean_${name}`)),
  ];
  const joined = {
    ...first,
    metadataProps: [],
    graph: {
      ...first.graph,
      node: parts.flatMap(({ node }) => node),
      initializer: parts.flatMap(({ initializer }) => initializer),
      output: means.graph.output,
    },
  };
  return encodeModel(withMetadata(joined, metadata));
}

const memberName = (index: number, name: string) => `member${index}_${name}`;

/** Outputs [B, 1] of which an ensemble gives the mean. */
const lifeOutputs = ['remainingLife', 'remainingLifeLow', 'remainingLifeHigh'] as const;

/** What the members' outputs go into: their names in the joined graph are its inputs. */
function buildMeans(memberCount: number, horizonSteps: number, lives: readonly string[]): Graph {
  const graph = new Graph();
  const ofMembers = (output: string, columns: Dim) =>
    Array.from({ length: memberCount }, (_, index) =>
      graph.input(memberName(index, output), [dim('batch', null), columns]),
    );
  const horizon = dim('horizon', horizonSteps);
  const curves = ofMembers('failureProbabilities', horizon);
  const mean = failedBy(meanOf(curves.map(cumulatedHazards)), horizon);
  graph.output('failureProbabilities', mean);
  if (memberCount > 1) {
    // With the mean among them, lest it be outside by a rounding error.
    const all = [mean, ...curves];
    graph.output('failureProbabilitiesLow', graph.emitOne('Min', all, mean.dims));
    graph.output('failureProbabilitiesHigh', graph.emitOne('Max', all, mean.dims));
  }
  for (const life of lives) graph.output(life, meanOf(ofMembers(life, dim('share', 1))));
  return graph;
}

/** −ln(1 − F), padded for failedBy; F = 1 counts as the float32 before it, or one member would outvote all others. */
function cumulatedHazards(probabilities: Tensor): Tensor {
  const { graph } = probabilities;
  const survival = subtract(graph.scalar(1), padDays(probabilities));
  const log = graph.emitOne('Log', [maximum(survival, graph.scalar(2 ** -24))], survival.dims);
  return graph.emitOne('Neg', [log], log.dims);
}

function meanOf(tensors: readonly Tensor[]): Tensor {
  const sum = tensors.reduce(add);
  return divide(sum, sum.graph.scalar(tensors.length));
}
