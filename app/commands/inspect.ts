/** `millwright inspect`: what is in a trained network, and what it costs. */
import { arch, cpus } from 'node:os';
import { Command } from 'commander';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import { readArtifact } from '../../model/artifact.js';
import { type Inspection, inspectModel, type Size, sizeAt } from '../../model/inspect.js';
import { openPredictor } from '../../model/predict.js';
import { type Latency, measureLatency } from '../latency.js';
import { formatBytes, formatCount, formatCounted, formatNumber } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { formatTable } from '../terminal/table.js';
import { codeVersion } from '../training.js';
import { chosenModel, type ModelChoice, withModelChoice } from './model-choice.js';
import { jsonOption } from './options.js';

const batches = [1, 256] as const;
const measuredMs = 1000;

interface InspectOptions extends ModelChoice {
  readonly json: boolean;
}

export function inspectCommand(): Command {
  return withModelChoice(new Command('inspect'))
    .description('what is in a trained network: shapes, parameters, operations, measured latency, memory')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  millwright inspect                                  (the network in use)
  millwright inspect --model models/press/lstm-a3f27fd92569 --json

Exit code: 0, or 2 when the network cannot be used.`,
    )
    .action(async (options: InspectOptions) => {
      const report = await inspect(await chosenModel(options));
      printResult({ json: reportJson(report), human: () => reportText(report) }, options.json);
    });
}

interface Report {
  readonly version: string;
  readonly directory: string;
  readonly fileBytes: number;
  readonly inspection: Inspection;
  readonly latency: readonly Latency[];
  /** Of this process with the network loaded, after the measurements; and what of it came with the network. */
  readonly processBytes: number;
  readonly loadedBytes: number;
}

async function inspect(directory: string): Promise<Report> {
  const { version, model } = await readArtifact(directory, codeVersion());
  const engine = new OnnxEngine();
  try {
    const inspection = await inspectModel(model, engine);
    const beforeBytes = process.memoryUsage().rss;
    const predictor = await openPredictor(directory, engine);
    const latency: Latency[] = [];
    for (const batch of batches) latency.push(await measureLatency(predictor, batch, measuredMs));
    const processBytes = process.memoryUsage().rss;
    return {
      version,
      directory,
      fileBytes: model.length,
      inspection,
      latency,
      processBytes,
      loadedBytes: Math.max(0, processBytes - beforeBytes),
    };
  } finally {
    await engine.close();
  }
}

function reportJson({ inspection, latency, ...rest }: Report) {
  const { operators, parameterCount, flops, activationBytes } = inspection;
  const shape = (dims: readonly Size[]) => dims.map(sizeText);
  return {
    version: rest.version,
    directory: rest.directory,
    parameterCount,
    fileBytes: rest.fileBytes,
    flops: Object.fromEntries(batches.map((batch) => [batch, sizeAt(flops, batch)])),
    activationBytes: Object.fromEntries(batches.map((batch) => [batch, sizeAt(activationBytes, batch)])),
    processBytes: rest.processBytes,
    loadedBytes: rest.loadedBytes,
    latency: latency.map((each) => ({
      ...each,
      windowsPerSecond: (1000 * each.batch) / each.p50Ms,
    })),
    cpu: cpus()[0]?.model ?? arch(),
    operators: operators.map((each) => ({
      operator: each.operator,
      inputs: each.inputs.map(shape),
      outputs: each.outputs.map(shape),
      parameterCount: each.parameterCount,
      flopsPerWindow: sizeAt(each.flops, 1),
    })),
  };
}

function reportText({ inspection, latency, ...rest }: Report): string {
  const { flops, activationBytes, parameterCount } = inspection;
  const rows = layersOf(inspection).map((layer) => [
    layer.name,
    shapeText(layer.reads),
    shapeText(layer.gives),
    layer.parameterCount === 0 ? '' : formatCount(layer.parameterCount),
    formatCount(layer.flops),
  ]);
  const table = formatTable(
    [
      { title: 'layer' },
      { title: 'reads' },
      { title: 'gives' },
      { title: 'parameters', align: 'right' },
      { title: 'FLOPs a window', align: 'right' },
    ],
    rows,
  );
  const memory = batches
    .map((batch) => `${formatBytes(sizeAt(activationBytes, batch))} at batch ${batch}`)
    .join(', ');
  return [
    `${rest.version}: ${formatCount(parameterCount)} parameters, ${formatBytes(rest.fileBytes)}, ${formatCount(sizeAt(flops, 1))} FLOPs a window (a multiplication and an addition are two)`,
    rest.directory,
    '',
    table,
    '',
    ...latency.map(
      ({ batch, p50Ms, p95Ms }) =>
        `Batch ${batch}: ${formatNumber(p50Ms)} ms (95 % within ${formatNumber(p95Ms)} ms), ${formatCount((1000 * batch) / p50Ms)} windows a second; measured, way to the engine's thread and back included`,
    ),
    `Tensors alive at once: ${memory}, computed from the graph`,
    `Process: ${formatBytes(rest.processBytes)} resident, ${formatBytes(rest.loadedBytes)} of it since the network was loaded; measured`,
  ].join('\n');
}

interface Layer {
  readonly name: string;
  readonly reads: readonly Size[];
  readonly gives: readonly Size[];
  readonly parameterCount: number;
  readonly flops: number;
}

/** Operators with parameters are layers of their own; the others between two of them are one. */
function layersOf({ operators }: Inspection): Layer[] {
  const layers: Layer[] = [];
  let between: Inspection['operators'][number][] = [];
  const add = (name: string, group: readonly Inspection['operators'][number][]) => {
    const [first] = group;
    const last = group.at(-1);
    layers.push({
      name,
      reads: first?.inputs[0] ?? [],
      gives: last?.outputs[0] ?? [],
      parameterCount: group.reduce((sum, each) => sum + each.parameterCount, 0),
      flops: group.reduce((sum, each) => sum + sizeAt(each.flops, 1), 0),
    });
  };
  const endBetween = () => {
    if (between.length > 0) add(formatCounted(between.length, 'operator'), between);
    between = [];
  };
  for (const each of operators) {
    if (each.parameterCount === 0) between.push(each);
    else {
      endBetween();
      add(each.operator, [each]);
    }
  }
  endBetween();
  return layers;
}

/** [B, 90, 25]; a size that grows with the batch is a multiple of B. */
function shapeText(dims: readonly Size[]): string {
  return `[${dims.map(sizeText).join(', ')}]`;
}

function sizeText({ fixed, perRow }: Size): string | number {
  if (perRow === 0) return fixed;
  const variable = perRow === 1 ? 'B' : `${perRow}·B`;
  return fixed === 0 ? variable : `${fixed} + ${variable}`;
}
