/** Answers over HTTP from the networks in use: sequences in, failure curves out, one network a request. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError, WorldError } from '../domain/errors.js';
import type { Fallback, SimpleRung } from '../domain/fallback.js';
import type { FeatureWindow } from '../domain/features.js';
import { expectedDay } from '../domain/forecast.js';
import type { MachineType } from '../domain/machine-type.js';
import type { ForecastRequest, ForecastSequence } from '../infra/http/forecast-request.js';
import type { ModelServing } from '../infra/http/ports.js';
import type { ModelDetailWire, ModelWire, SequenceForecastWire } from '../infra/http/wire.js';
import type { Curve } from '../model/curve-cache.js';
import { curveFault, obstacleIn, tooFewReadings } from '../stream/assessable.js';
import { featureSpec } from '../stream/features.js';
import { judgeCurve, simpleCurve, viewOf } from '../stream/ladder.js';
import { windowCoverage, windowOfRows, windowOfSteps, windowOfValues } from '../stream/sequence.js';
import type { LiveModels } from './live-models.js';
import { chooseType } from './training.js';

/** Sequences that may wait for the network at one time: bounds memory, at about 6 KB each for 60 × 24. */
const waitingSequencesMax = 8192;

/** `answerWithinMs`: who asks is told by the simple models when the network has not answered by then. */
export function serveModels(
  types: ReadonlyMap<string, MachineType>,
  models: LiveModels,
  answerWithinMs: number,
): ModelServing {
  let waiting = 0;
  return {
    models: () => [...types.values()].map((type) => describeModel(type, models)),
    model: async (name) => {
      const type = types.get(name);
      return type && models.use(() => describeInDetail(type, models));
    },
    forecast: async (request) => {
      const { length } = request.sequences;
      if (waiting + length > waitingSequencesMax)
        throw new WorldError(
          'throttled',
          `${waiting} sequences wait for the network: try again in a second`,
          {
            retryable: true,
            retryAfterMs: 1000,
          },
        );
      waiting += length;
      const asked: Promise<unknown>[] = [];
      try {
        return await models.use(() => forecast(types, models, request, { answerWithinMs, asked }));
      } finally {
        // The network may be busy with them longer than anybody waits.
        void Promise.allSettled(asked).then(() => {
          waiting -= length;
        });
      }
    },
  };
}

/** Inside `models.use`: what is got here stays open until the answer is made. `asked` takes what the network was asked. */
async function forecast(
  types: ReadonlyMap<string, MachineType>,
  models: LiveModels,
  request: ForecastRequest,
  { answerWithinMs, asked }: { readonly answerWithinMs: number; readonly asked: Promise<unknown>[] },
) {
  const type = chooseRequested(types, request.type);
  const predictor = models.get(type.name);
  if (!predictor)
    throw new WorldError(
      'closed',
      `there is no network for machine type ${type.name}: run \`millwright train\``,
      {
        retryable: true,
      },
    );
  const sequences = request.sequences.map((sequence, index) => {
    const window = windowOf(type, sequence, nameOf(sequence, index));
    const coverage = windowCoverage(type, window);
    return { sequence, window, coverage, obstacle: obstacleIn(type, window.stepCount, coverage) };
  });
  const assessable = sequences.filter(({ obstacle }) => obstacle === '');
  const { fallback, version } = predictor;
  const foreseen = models.model(type.name)?.cache.foresee(assessable.map(({ window }) => window));
  if (foreseen) asked.push(foreseen);
  const said = await (fallback ? within(foreseen, answerWithinMs) : foreseen);
  const fault =
    predictor.fault ?? (said ? undefined : `the network did not answer within ${answerWithinMs} ms`);
  const curves = (said ?? []).values();
  return {
    type: type.name,
    model: version,
    forecasts: sequences.map(({ sequence, window, coverage, obstacle }): SequenceForecastWire => {
      const about = {
        ...(sequence.id === undefined ? {} : { id: sequence.id }),
        stepCount: window.stepCount,
        coverage: Math.round(coverage * 1e4) / 1e4,
      };
      if (obstacle !== '') {
        const isYoung = tooFewReadings(type, coverage) === '';
        return { ...about, ...standIn(isYoung ? fallback : undefined, window, 'age', obstacle) };
      }
      const said = fault === undefined ? (curves.next().value as Curve) : undefined;
      return { ...about, ...presentCurve(said, fault ?? '', window, fallback) };
    }),
  };
}

/** undefined where there is no result after `limitMs`. */
async function within<T>(result: Promise<T> | undefined, limitMs: number): Promise<T | undefined> {
  const timer = new AbortController();
  try {
    return await Promise.race([result, sleep(limitMs, undefined, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}

/** As chooseType, for people who have no command line. */
function chooseRequested(types: ReadonlyMap<string, MachineType>, name: string | undefined): MachineType {
  if (name !== undefined || types.size === 1) return chooseType(types, name);
  throw new UserError(`type: there are several machine types, name one of ${[...types.keys()].join(', ')}`);
}

const nameOf = ({ id }: ForecastSequence, index: number) =>
  `sequence ${index + 1}${id === undefined ? '' : ` ("${id}")`}`;

/** The schema has made sure that one of the three forms is there. */
function windowOf(type: MachineType, sequence: ForecastSequence, where: string): FeatureWindow {
  const { rows, values, steps } = sequence;
  if (rows) return windowOfRows(featureSpec(type), rows, where);
  if (values) return windowOfValues(featureSpec(type), values, where);
  const given = steps ?? [];
  const about = { age: sequence.age ?? given.length - 1, attributes: sequence.attributes ?? {} };
  return windowOfSteps(type, given, about, where);
}

type Outcome = Pick<
  SequenceForecastWire,
  'status' | 'reason' | 'rung' | 'probabilities' | 'expectedDay' | 'remainingLifeSteps'
>;

/** `fault`: why the network said nothing; '' where it did. */
function presentCurve(
  said: Curve | undefined,
  fault: string,
  window: FeatureWindow,
  fallback: Fallback | undefined,
): Outcome {
  const curve = said?.probabilities.slice() ?? new Float32Array(0);
  const view = fallback && viewOf(fallback, window);
  const { rung, reason } = judgeCurve(fallback, view, curve, fault || curveFault(curve));
  if (rung !== 'network') return standIn(fallback, window, rung, reason);
  const remainingLifeSteps = said?.remainingLifeSteps;
  return {
    status: 'ok',
    reason: '',
    probabilities: Array.from(curve, digits),
    expectedDay: expectedDay(curve),
    ...(remainingLifeSteps === undefined ? {} : { remainingLifeSteps: digits(remainingLifeSteps) }),
  };
}

/** By the simple models, or not at all. */
function standIn(
  fallback: Fallback | undefined,
  window: FeatureWindow,
  rung: SimpleRung,
  reason: string,
): Outcome {
  const simple = fallback && simpleCurve(fallback, window, rung);
  if (!simple) return { status: 'not-assessable', reason, probabilities: [], expectedDay: null };
  return {
    status: 'fallback',
    reason,
    rung: simple.rung,
    probabilities: Array.from(simple.curve, digits),
    expectedDay: expectedDay(simple.curve),
  };
}

/** As many as a float32 has. */
const digits = (value: number) => Number(value.toPrecision(8));

function describeModel(type: MachineType, models: LiveModels): ModelWire {
  const model = models.model(type.name);
  return {
    type: type.name,
    version: model?.version ?? null,
    sinceMs: model?.sinceMs ?? null,
    fault: models.faults.get(type.name) ?? '',
    windowSteps: type.windowSteps,
    contextSteps: type.contextSteps,
    horizonSteps: type.horizonSteps,
  };
}

async function describeInDetail(type: MachineType, models: LiveModels): Promise<ModelDetailWire> {
  const { names, units } = featureSpec(type);
  const model = models.model(type.name);
  // Its folder may have been removed since it was opened: it serves on from memory.
  const read = async (file: string) =>
    model ? readFile(join(model.directory, file), 'utf8').catch(() => '') : '';
  const metrics = await read('metrics.json');
  return {
    ...describeModel(type, models),
    features: names.map((name, column) => ({ name, unit: units[column] ?? '' })),
    metrics: metrics === '' ? null : JSON.parse(metrics),
    card: await read('card.md'),
    openedInMs: model?.openedInMs ?? null,
    cache: model?.cache.counters() ?? { hits: 0, misses: 0, curves: 0 },
  };
}
