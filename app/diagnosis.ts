/** Forecasts every origin of some histories with a trained network, and says what is wrong with it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { marginalCurve } from '../backtest/baselines/marginal.js';
import {
  type Diagnosis,
  diagnoseNetwork,
  type JudgedMachine,
  type LossPoint,
} from '../backtest/diagnosis/diagnose.js';
import { UserError } from '../domain/errors.js';
import type { History } from '../domain/features.js';
import { OnnxEngine } from '../infra/onnx/engine.js';
import { readArtifact } from '../model/artifact.js';
import { type NetworkPredictor, openPredictor } from '../model/predict.js';
import { fillWindow, type Origin, originsOf } from '../model/windows.js';
import { isUnseenBy } from './adoption.js';

/** Origins judged per part: beyond this only every second, third, ... life is judged. */
const originsMax = 20_000;

export interface NetworkDiagnosis extends Diagnosis {
  readonly version: string;
}

/**
 * What the network has learned from is one part, everything else the other: other machines, and the same ones later.
 * UserError where there is nothing else to judge by.
 */
export async function diagnoseVersion(
  directory: string,
  histories: readonly History[],
): Promise<NetworkDiagnosis> {
  const { version, metrics } = await readArtifact(directory);
  // What a version of before has learned from is not known: it is judged as if it had seen nothing.
  const isUnseen = metrics.seen ? isUnseenBy(metrics.seen) : () => true;
  const origins = originsOf(histories);
  const unseen = origins.filter(isUnseen);
  if (unseen.length === 0)
    throw new UserError(
      `${version} has learned from everything in this history: give one with other machines too, or with later days`,
    );
  const training = origins.filter((origin) => !isUnseen(origin));
  const trainedOn = [...new Set(training.map(({ history }) => history))];
  const engine = new OnnxEngine();
  try {
    const predictor = await openPredictor(directory, engine);
    const { horizonSteps } = predictor.spec;
    return {
      version,
      ...diagnoseNetwork({
        training: await judge(training, predictor),
        unseen: await judge(unseen, predictor),
        marginal: marginalCurve(trainedOn.length > 0 ? trainedOn : histories, horizonSteps),
        horizonDays: horizonSteps,
        losses: await readLosses(directory),
      }),
    };
  } finally {
    await engine.close();
  }
}

async function judge(origins: readonly Origin[], predictor: NetworkPredictor): Promise<JudgedMachine[]> {
  const { spec } = predictor;
  const lives = new Map<History, Origin[]>();
  for (const origin of origins) {
    const own = lives.get(origin.history);
    if (own) own.push(origin);
    else lives.set(origin.history, [origin]);
  }
  const every = Math.max(1, Math.ceil(origins.length / originsMax));
  const judged: JudgedMachine[] = [];
  for (const [history, own] of [...lives].filter((_, index) => index % every === 0)) {
    const windows = own.map((origin) => {
      const rows = new Float32Array(spec.contextSteps * spec.names.length);
      fillWindow(rows, spec, origin);
      return { rows, stepCount: Math.min(origin.step + 1, spec.contextSteps) };
    });
    const curves = await predictor.predict(windows);
    judged.push({
      machine: history.machine,
      rows: own.map(({ step }, index) => {
        const eventDay = history.eventDay[step] as number;
        const knownDays = history.knownDays[step] as number;
        return {
          probabilities: curves.subarray(index * spec.horizonSteps, (index + 1) * spec.horizonSteps),
          eventDay,
          knownDays,
          observedDays: eventDay > 0 ? spec.horizonSteps : knownDays,
        };
      }),
    });
  }
  return judged;
}

const lossSchema = z.object({ step: z.number(), trainLoss: z.number(), validationLoss: z.number() });

/** The validations of training-log.jsonl; lines of another kind (an ensemble names its members there) are not for us. */
async function readLosses(directory: string): Promise<LossPoint[]> {
  const text = await readFile(join(directory, 'training-log.jsonl'), 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => {
      const parsed = lossSchema.safeParse(JSON.parse(line));
      return parsed.success ? [parsed.data] : [];
    });
}
