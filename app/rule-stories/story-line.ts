/**
 * One line of a story: what happens, in words, as records. Its grammar is told in docs/guide/alerts.md.
 *
 *     DAY [MACHINE[@LINE]] WHAT
 */
import { parseMatcher } from '../../alerts/matcher.js';
import { stepMsOf } from '../../alerts/rule.js';
import { parseDurationMs } from '../../domain/duration.js';
import { UserError } from '../../domain/errors.js';
import { expectedDay, type ForecastRecord } from '../../domain/forecast.js';
import { type EventKind, type EventRecord, eventKinds } from '../../domain/input.js';
import type { MachineType } from '../../domain/machine-type.js';
import { measureKey } from '../../domain/measure.js';
import { parseTimeMs } from '../../infra/files/parse-time.js';
import type { SilenceInput, StoryInput } from './story-plant.js';

export const dayMs = 86_400_000;

/** The world of a story's lines. */
export interface StoryWorld {
  readonly startMs: number;
  readonly type: MachineType;
  /** Step of the horizon, from 1, at which `p` gives the probability. */
  readonly withinSteps: number;
  /** Alert that an acknowledgement is for: the newest of the machine; '' without one. */
  readonly alertIdOf: (machine: string) => string;
}

const verbs = ['p', 'curve', 'young', 'blind', 'ack', 'tick', 'silence', ...eventKinds];
const machineDefault = 'unit-84';

/** The records of a line, one for each machine that it names. Throws UserError. */
export function parseStoryLine(line: string, world: StoryWorld): readonly StoryInput[] {
  const [at = '', ...words] = line.trim().split(/\s+/);
  const timeMs = timeOf(at, world.startMs);
  if (timeMs === undefined)
    throw new UserError(
      `"${line}" must begin with a day such as 3 or 3.5, or a time such as 2026-03-08T05:00Z`,
    );
  const named = words[0] !== undefined && !verbs.includes(words[0]) ? (words.shift() as string) : undefined;
  const [verb = '', ...rest] = words;
  if (verb === 'tick') return [{ kind: 'tick', timeMs }];
  if (verb === 'silence') return [silenceOf(rest, timeMs, world, line)];
  const [id = '', plantLine = 'l1'] = (named ?? machineDefault).split('@');
  return machinesOf(id).map((machine) => recordOf({ machine, plantLine, timeMs, verb, rest, line }, world));
}

/** True where the line says which machine it is of. */
export function namesMachine(line: string): boolean {
  const word = line.trim().split(/\s+/)[1];
  return word !== undefined && !verbs.includes(word);
}

function timeOf(word: string, startMs: number): number | undefined {
  if (/^-?\d+(\.\d+)?$/.test(word)) return Math.round(startMs + Number(word) * dayMs);
  return parseTimeMs(word, 'iso', 'UTC');
}

/** `press-01..press-20` are twenty machines. */
function machinesOf(word: string): readonly string[] {
  const range = /^(.*?)(\d+)\.\.\1(\d+)$/.exec(word);
  if (!range) return [word];
  const [, prefix = '', first = '', last = ''] = range;
  const count = Number(last) - Number(first) + 1;
  if (!(count > 0 && count <= 100_000))
    throw new UserError(`"${word}" is no range of machines; write the lower number first`);
  return Array.from(
    { length: count },
    (_, k) => `${prefix}${String(Number(first) + k).padStart(first.length, '0')}`,
  );
}

interface Line {
  readonly machine: string;
  readonly plantLine: string;
  readonly timeMs: number;
  readonly verb: string;
  /** The words after the verb. */
  readonly rest: readonly string[];
  readonly line: string;
}

function recordOf({ machine, plantLine, timeMs, verb, rest, line }: Line, world: StoryWorld): StoryInput {
  const place = { machine, type: world.type.name, site: 'north', line: plantLine };
  const forecast = (
    probabilities: readonly number[],
    over: Partial<ForecastRecord> = {},
  ): ForecastRecord => ({
    kind: 'forecast',
    ...place,
    originMs: timeMs,
    stepIndex: 50,
    revision: 0,
    status: probabilities.length === 0 ? 'not-assessable' : 'ok',
    reason: '',
    model: 'm1',
    probabilities,
    expectedDay: expectedDay(probabilities),
    coverage: 1,
    silentSensors: [],
    stepOffset: 0,
    ...over,
  });
  const event = (kind: EventKind, over: Partial<EventRecord> = {}): EventRecord => ({
    kind: 'event',
    event: kind,
    ...place,
    eventTimeMs: timeMs,
    ingestTimeMs: timeMs,
    code: '',
    by: '',
    comment: '',
    ...over,
  });
  switch (verb) {
    case 'p': {
      const [word = '', ...options] = rest;
      const p = word === '' ? Number.NaN : Number(word);
      if (!(p >= 0 && p <= 1)) throw new UserError(`"${line}": write a probability from 0 to 1 after "p"`);
      return forecast(steadyCurve(p, world), optionsOf(options, line, world));
    }
    case 'curve': {
      const count = rest.findIndex((word) => Number.isNaN(Number(word)));
      const probabilities = rest.slice(0, count < 0 ? undefined : count).map(Number);
      const falls = probabilities.some((p, k) => !(p >= (probabilities[k - 1] ?? 0) && p <= 1));
      if (probabilities.length !== world.type.horizonSteps || falls)
        throw new UserError(
          `"${line}": write ${world.type.horizonSteps} probabilities after "curve", none lower than the one before`,
        );
      return forecast(probabilities, optionsOf(count < 0 ? [] : rest.slice(count), line, world));
    }
    case 'young':
      return forecast([], { stepIndex: 1, reason: 'history too short' });
    case 'blind': {
      const [, reason = '', revision = '0'] = /^(.*?)(?: ?rev (\d+))?$/.exec(rest.join(' ')) ?? [];
      return forecast([], { revision: Number(revision), reason });
    }
    case 'ack': {
      const [by = '', ...comment] = rest;
      return event('acknowledge', { code: world.alertIdOf(machine), by, comment: comment.join(' ') });
    }
    case 'assign': {
      const [by = '', to = '', ...comment] = rest;
      return event('assign', { code: world.alertIdOf(machine), by, to, comment: comment.join(' ') });
    }
    case 'comment': {
      const [by = '', ...comment] = rest;
      return event('comment', { code: world.alertIdOf(machine), by, comment: comment.join(' ') });
    }
    default: {
      const kind = eventKinds.find((word) => word === verb);
      if (kind) return event(kind, { code: rest[0] ?? '' });
      throw new UserError(
        `"${line}": "${verb}" is nothing that can happen; write one of ${verbs.join(', ')}, or restart`,
      );
    }
  }
}

/** `silence ID [from DAY] until DAY MATCHER ...`: from now on, unless it says otherwise. */
function silenceOf(words: readonly string[], nowMs: number, world: StoryWorld, line: string): SilenceInput {
  const [, id = '', from, until = '', rest = ''] =
    /^(\S+)(?: from (\S+))? until (\S+)((?: \S+)+)$/.exec(words.join(' ')) ?? [];
  const startsMs = from === undefined ? nowMs : timeOf(from, world.startMs);
  const endsMs = timeOf(until, world.startMs);
  if (startsMs === undefined || endsMs === undefined)
    throw new UserError(
      `"${line}": write "silence ID until DAY MATCHER ...", such as silence s1 until 3 line=hot`,
    );
  const matchers = rest.trim().split(' ');
  for (const matcher of matchers.map(parseMatcher))
    if (typeof matcher === 'string') throw new UserError(`"${line}": ${matcher}`);
  const record = { kind: 'silence', id, matchers, startsMs, endsMs, by: 'kim', comment: '' } as const;
  return { kind: 'silence', timeMs: nowMs, record };
}

/** The curve of a constant hazard that reaches `p` at the step in question. */
function steadyCurve(p: number, { type, withinSteps }: StoryWorld): number[] {
  return Array.from({ length: type.horizonSteps }, (_, k) =>
    k + 1 === withinSteps ? p : 1 - (1 - p) ** ((k + 1) / withinSteps),
  );
}

/**
 * `rev 1`, `provisional`, `fallback`, `limit`, `coverage 0.4`, `silent speed,torque`, `stuck speed`, `model m2`, `value speed.mean 7.3`,
 * `drift speed.mean 7d 2.5`, in any order.
 */
function optionsOf(words: readonly string[], line: string, { type }: StoryWorld): Partial<ForecastRecord> {
  const over: { -readonly [Key in keyof ForecastRecord]?: ForecastRecord[Key] } = {};
  for (let k = 0; k < words.length; k++) {
    switch (words[k]) {
      case 'rev':
        over.revision = Number(words[++k]);
        break;
      case 'coverage':
        over.coverage = Number(words[++k]);
        break;
      case 'silent':
        over.silentSensors = (words[++k] ?? '').split(',');
        break;
      case 'stuck':
        over.stuckSensors = (words[++k] ?? '').split(',');
        break;
      case 'model':
        over.model = words[++k] ?? '';
        break;
      case 'value': {
        const measure = { kind: 'value', feature: words[++k] ?? '' } as const;
        over.measured = { ...over.measured, [measureKey(measure)]: Number(words[++k]) };
        break;
      }
      case 'drift': {
        const feature = words[++k] ?? '';
        const steps = (parseDurationMs(words[++k] ?? '') ?? Number.NaN) / stepMsOf(type);
        over.measured = {
          ...over.measured,
          [measureKey({ kind: 'drift', feature, steps })]: Number(words[++k]),
        };
        break;
      }
      case 'provisional':
        over.status = 'provisional';
        break;
      case 'fallback':
        over.status = 'fallback';
        over.rung = 'smoothing';
        over.reason = 'as the story has it';
        break;
      case 'limit':
        over.curve = 'health-limit';
        break;
      default:
        throw new UserError(
          `"${line}": "${words[k]}" is not known; write rev, coverage, silent, stuck, model, value, drift, provisional, fallback or limit`,
        );
    }
  }
  return over;
}
