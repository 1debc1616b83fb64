/**
 * Conformal intervals of the remaining life: around what the network says, wide enough that on machines kept from its
 * training they held what came. Of a further machine of the same kind, at a window drawn at random, the interval holds
 * the remaining life (cut at the cap) with at least the stated probability, whatever the network and the noise.
 *
 * The windows of one machine resemble each other, machines are exchangeable: so every machine weighs the same, and the
 * machine to come counts as one more whose error is infinite (hierarchical conformal prediction: Lee, Barber & Willett
 * 2023; split conformal: Papadopoulos et al. 2002). Bands of what was said have widths of their own, and the promise
 * holds in each (Mondrian: Vovk, Lindsay, Nouretdinov & Gammerman 2003): a network is surer near the end of a life.
 */
import { dim } from '../graph/dims.js';
import { Graph, type Tensor } from '../graph/graph.js';
import { continueModel, type ModelFile } from '../graph/model-file.js';
import { add } from '../graph/operators/add.js';
import { multiply } from '../graph/operators/multiply.js';
import { subtract } from '../graph/operators/subtract.js';
import { cast, clip, lessOrEqual, total } from '../graph/operators/without-gradient.js';
import type { KeptForecast } from '../kept-forecasts.js';

export interface LifeInterval {
  /** Least probability that the interval holds the remaining life, in (0, 1). */
  readonly coverage: number;
  readonly capSteps: number;
  /** Bands of what is said: below the first edge, from each edge on. Steps, ascending. */
  readonly edges: readonly number[];
  /** Half the width of the interval in each band, in steps. One more than edges. */
  readonly halfWidths: readonly number[];
}

const bandCount = 4;

/** undefined where there are too few machines with a known remaining life for any finite interval. */
export function fitLifeInterval(
  forecasts: readonly KeptForecast[],
  coverage: number,
  capSteps: number,
): LifeInterval | undefined {
  const known = forecasts.filter(({ saidLife, actualLife }) => !Number.isNaN(saidLife + actualLife));
  const needed = Math.ceil(coverage / (1 - coverage));
  const edges: number[] = [];
  const bands: (readonly KeptForecast[])[] = [];
  let above = Infinity;
  // From the top: a band reaches down until enough machines have been in it.
  for (let band = bandCount - 1; band >= 0; band--) {
    const edge = (capSteps * band) / bandCount;
    const rows = known.filter(({ saidLife }) => saidLife < above && (band === 0 || saidLife >= edge));
    if (machineCount(rows) >= needed) {
      bands.unshift(rows);
      edges.unshift(edge);
      above = edge;
    } else if (band === 0 && bands.length > 0) {
      // What is left at the bottom goes to the band above it.
      bands[0] = [...rows, ...(bands[0] ?? [])];
    }
  }
  if (bands.length === 0) return undefined;
  const halfWidths = bands.map((rows) => Math.min(capSteps, quantileOverMachines(rows, coverage)));
  return { coverage, capSteps, edges: edges.slice(1), halfWidths };
}

function machineCount(rows: readonly KeptForecast[]): number {
  return new Set(rows.map(({ machine }) => machine)).size;
}

/** The least q that at least `coverage` of the weight does not exceed; of K machines each weighs 1 / (K + 1). */
function quantileOverMachines(rows: readonly KeptForecast[], coverage: number): number {
  const counts = new Map<string, number>();
  for (const { machine } of rows) counts.set(machine, (counts.get(machine) ?? 0) + 1);
  const errors = rows
    .map(({ machine, saidLife, actualLife }) => ({
      error: Math.abs(actualLife - saidLife),
      weight: 1 / ((counts.size + 1) * (counts.get(machine) ?? 1)),
    }))
    .sort((a, b) => a.error - b.error);
  let weight = 0;
  for (const each of errors) {
    weight += each.weight;
    // Sums of weights that are not binary fractions: a rounding error must not cost a step.
    if (weight >= coverage - 1e-9) return each.error;
  }
  return Infinity;
}

/** The model with outputs `remainingLifeLow` and `remainingLifeHigh` [B, 1], in [0, cap]; a high of the cap is open. */
export function addLifeInterval(model: ModelFile, { capSteps, edges, halfWidths }: LifeInterval): ModelFile {
  const graph = new Graph();
  const said = graph.input('remainingLife', [dim('batch', null), dim('share', 1)]);
  const half = halfWidth(said, edges, halfWidths);
  graph.output('remainingLifeLow', clip(subtract(said, half), 0, capSteps));
  graph.output('remainingLifeHigh', clip(add(said, half), 0, capSteps));
  return continueModel(model, graph, 'life-interval');
}

/** The first half width, and at every edge that has been reached the change to the next. */
function halfWidth(said: Tensor, edges: readonly number[], halfWidths: readonly number[]): Tensor {
  const { graph } = said;
  const first = graph.scalar(halfWidths[0]!);
  if (edges.length === 0) return first;
  const band = dim('share', edges.length);
  const reached = cast(lessOrEqual(graph.constant([band], edges), said), 'float');
  const changes = edges.map((_, index) => halfWidths[index + 1]! - halfWidths[index]!);
  const sum = total(multiply(reached, graph.constant([band], changes)), 'share');
  return add(graph.emitOne('Unsqueeze', [sum, graph.integers([1])], said.dims), first);
}
