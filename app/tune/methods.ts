/** Ways to choose the trials of a search. */
import { Rng } from '../../domain/rng.js';
import { gridValues, type SearchSpace, type Settings } from './space.js';
import { type Observed, randomSettings, suggest } from './tpe.js';

export const methodNames = ['tpe', 'random', 'grid', 'one-at-a-time'] as const;
export type MethodName = (typeof methodNames)[number];

export interface Method {
  /** How many trials there are, besides the settings as they are. */
  readonly trialCount: number;
  /** Settings of trial `number`, from 1, given what is known of the others. */
  next(number: number, observed: readonly Observed[]): Settings;
}

/** `trialsMax` bounds every method; a grid that is larger is drawn from at random, without repetition. */
export function makeMethod(name: MethodName, space: SearchSpace, trialsMax: number, seed: number): Method {
  const listed = (all: readonly Settings[]): Method => ({
    trialCount: Math.min(trialsMax, all.length),
    next: (number) => all[number - 1] as Settings,
  });
  switch (name) {
    case 'grid': {
      const all = grid(space);
      return listed(all.length <= trialsMax ? all : new Rng(seed).shuffle(all));
    }
    case 'one-at-a-time':
      return listed(
        Object.entries(space).flatMap(([field, dimension]) =>
          gridValues(dimension).map((value) => ({ [field]: value })),
        ),
      );
    // What is drawn for a trial depends on its number alone, so that a search that was broken off goes on as it would have.
    case 'random':
      return { trialCount: trialsMax, next: (number) => randomSettings(space, rngOf(seed, number)) };
    case 'tpe':
      return {
        trialCount: trialsMax,
        next: (number, observed) => suggest(space, observed, rngOf(seed, number)),
      };
  }
}

/** Neighbouring seeds make similar first draws: some are thrown away. */
function rngOf(seed: number, number: number): Rng {
  const rng = new Rng(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b));
  for (let i = 0; i < 8; i++) rng.uniform();
  return rng;
}

function grid(space: SearchSpace): Settings[] {
  return Object.entries(space).reduce<Settings[]>(
    (rows, [field, dimension]) =>
      rows.flatMap((row) => gridValues(dimension).map((value) => ({ ...row, [field]: value }))),
    [{}],
  );
}
