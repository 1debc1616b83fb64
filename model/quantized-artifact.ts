/** A version in int8 of another one, written only if it forecasts nearly as well. */
import { UserError } from '../domain/errors.js';
import {
  type ReadArtifact,
  readArtifact,
  readReference,
  type WrittenArtifact,
  writeVersion,
} from './artifact.js';
import { forecastKept, type KeptForecast, meanBrierOf } from './kept-forecasts.js';
import type { Engine } from './ports.js';
import { NetworkPredictor } from './predict.js';
import { quantizeModel } from './quantize.js';
import { thin } from './validation.js';
import type { Origin } from './windows.js';

export interface QuantizeRequest {
  /** Folder of the version to quantise. */
  readonly directory: string;
  /** Where the new one is written. */
  readonly modelsDirectory: string;
  /** What both are judged by. */
  readonly origins: readonly Origin[];
  readonly engine: Engine;
  /** Largest share by which the mean Brier score may grow. */
  readonly lossMax: number;
  readonly codeVersion: string;
}

export interface Quantization {
  /** Version that was quantised. */
  readonly of: string;
  readonly machineCount: number;
  readonly windowCount: number;
  /** Mean Brier score of the same windows, in float32 and in int8, and its growth as a share of the former. */
  readonly brierBefore: number;
  readonly brierAfter: number;
  readonly loss: number;
  /** Largest difference of a probability. */
  readonly differenceMax: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** At most this many windows are judged, evenly chosen. */
const windowsMax = 4000;

/**
 * `written` is undefined where the loss is larger than allowed. Throws UserError when the version cannot be read, or
 * holds no LSTM.
 */
export async function quantizeVersion(
  request: QuantizeRequest,
): Promise<{ readonly quantization: Quantization; readonly written?: WrittenArtifact }> {
  const artifact = await readArtifact(request.directory);
  const { model, version, preprocessing, metrics, simpleModels } = artifact;
  if ('network' in preprocessing)
    throw new UserError(
      `The model in ${request.directory} forecasts values, not failures: what is lost by int8 is measured on failures. Name a network that forecasts failures.`,
    );
  const quantized = await quantizeModel(model, request.engine);
  if (quantized === undefined)
    throw new UserError(
      `The model in ${request.directory} holds no LSTM: no other cell can be served in int8. Train one with \`cell: lstm\`.`,
    );
  const before = await forecast(artifact, model, request);
  const after = await forecast(artifact, quantized, request);
  const [brierBefore, brierAfter] = [meanBrierOf(before), meanBrierOf(after)];
  const quantization: Quantization = {
    of: version,
    machineCount: new Set(before.map(({ machine }) => machine)).size,
    windowCount: before.length,
    brierBefore,
    brierAfter,
    loss: brierAfter / brierBefore - 1,
    differenceMax: largestDifference(before, after),
    bytesBefore: model.length,
    bytesAfter: quantized.length,
  };
  // Written so that a loss that is not a number is refused, too.
  if (!(quantization.loss <= request.lossMax)) return { quantization };
  const family = `${version.slice(0, version.lastIndexOf('-'))}-int8`;
  const written = await writeVersion(request.modelsDirectory, request.codeVersion, {
    family,
    model: quantized,
    preprocessing,
    log: [quantization],
    metrics: { ...metrics, quantization },
    lineage: { ...artifact.lineage, parents: [{ version, as: 'float32' }] },
    card: (name) => writeCard(name, quantization),
    simpleModels,
    reference: await readReference(request.directory),
  });
  return { quantization, written };
}

async function forecast(
  { preprocessing }: ReadArtifact,
  model: Uint8Array,
  { engine, origins }: QuantizeRequest,
): Promise<KeptForecast[]> {
  const predictor = new NetworkPredictor('', preprocessing.spec, await engine.load(model));
  try {
    return await forecastKept(predictor, thin(origins, windowsMax), 1);
  } finally {
    await predictor.close();
  }
}

function largestDifference(a: readonly KeptForecast[], b: readonly KeptForecast[]): number {
  let largest = 0;
  a.forEach(({ curve }, row) => {
    curve.forEach((value, day) => {
      largest = Math.max(largest, Math.abs(value - b[row]!.curve[day]!));
    });
  });
  return largest;
}

function writeCard(version: string, quantization: Quantization): string {
  const { of, machineCount, windowCount, brierBefore, brierAfter, loss, differenceMax } = quantization;
  const kib = (bytes: number) => Math.round(bytes / 1024);
  return `# Model ${version}

\`${of}\` with the weights of its LSTM layers in int8; what that card says of data and limits holds for this one, too.

## What it costs in accuracy

On ${windowCount} windows of ${machineCount} machines the mean Brier score is ${brierAfter.toFixed(5)}, in float32 ${brierBefore.toFixed(5)} (${(100 * loss).toFixed(1)} % more). The
largest difference of a probability is ${differenceMax.toFixed(3)}.

## What it saves

${kib(quantization.bytesAfter)} KiB instead of ${kib(quantization.bytesBefore)}. How much faster it is depends on the processor: \`millwright inspect\`.

## Limits

- Inputs are scaled by the largest value of a batch: the same window forecast among others can differ by as much as int8 differs from
  float32, so that a replay does not give the same bits.
- It needs ONNX Runtime: other runtimes do not know its int8 LSTM.
`;
}
