/**
 * Tree-structured Parzen estimator (Bergstra, Bardenet, Bengio & Kégl 2011), in its joint form (Falkner, Klein & Hutter 2018): where
 * the best tenth of the trials lie dense and the others do not, the next one is made. Widths of the kernels, the prior, the
 * number of candidates and the size of the best group are those of Optuna's TPESampler, with which it is compared in
 * test/app/tpe.test.ts. There is no maintained package of it on npm (hyperparameters 0.25 is random search and an annealer
 * of 2019).
 */
import type { Rng } from '../../domain/rng.js';
import { type Range, type SearchSpace, type Settings, shareOf, type Value, valueAt } from './space.js';

/** A trial with its loss; `undefined` for one that was broken off, or is under way: nobody knows it to be good. */
export interface Observed {
  /** A value for every dimension of the space. */
  readonly settings: Settings;
  readonly loss: number | undefined;
}

/** So many trials are drawn at random first. */
const startupTrials = 10;
const candidateCount = 24;
const bestMax = 25;

/** The next settings to try. */
export function suggest(space: SearchSpace, observed: readonly Observed[], rng: Rng): Settings {
  const known = observed.filter(({ loss }) => loss !== undefined).length;
  if (known < startupTrials) return randomSettings(space, rng);
  const ranked = [...observed].sort((a, b) => (a.loss ?? Infinity) - (b.loss ?? Infinity));
  const bestCount = Math.min(Math.ceil(0.1 * known), bestMax);
  const good = new Mixture(space, ranked.slice(0, bestCount));
  const others = new Mixture(space, ranked.slice(bestCount));
  const candidates = Array.from({ length: candidateCount }, () => {
    const settings = good.draw(rng);
    return { settings, gain: good.logDensity(settings) - others.logDensity(settings) };
  });
  return candidates.reduce((most, each) => (each.gain > most.gain ? each : most)).settings;
}

export function randomSettings(space: SearchSpace, rng: Rng): Settings {
  return Object.fromEntries(
    Object.entries(space).map(([field, dimension]) => [
      field,
      Array.isArray(dimension)
        ? (dimension[rng.int(dimension.length)] as Value)
        : fromShare(dimension, rng.uniform()),
    ]),
  );
}

/** In one dimension, one kernel: a density to draw a value from. */
interface Kernel {
  draw(rng: Rng): Value;
  density(value: Value): number;
}

/** Kernels of equal weight, one for every trial and a prior: each is a product over the dimensions. */
class Mixture {
  readonly #fields: readonly string[];
  /** [kernel][dimension], the prior last. */
  readonly #kernels: readonly (readonly Kernel[])[];

  constructor(space: SearchSpace, trials: readonly Observed[]) {
    this.#fields = Object.keys(space);
    const byDimension = Object.entries(space).map(([field, dimension]) => {
      const values = trials.map(({ settings }) => settings[field] as Value);
      return Array.isArray(dimension)
        ? choiceKernels(dimension, values)
        : rangeKernels(dimension, values as number[]);
    });
    this.#kernels = Array.from({ length: trials.length + 1 }, (_, kernel) =>
      byDimension.map((kernels) => kernels[kernel] as Kernel),
    );
  }

  draw(rng: Rng): Settings {
    const kernel = this.#kernels[rng.int(this.#kernels.length)] as readonly Kernel[];
    return Object.fromEntries(kernel.map((each, index) => [this.#fields[index], each.draw(rng)]));
  }

  /** But for a constant that depends on the space alone. */
  logDensity(settings: Settings): number {
    const density = (kernel: readonly Kernel[]) =>
      kernel.reduce(
        (product, each, index) => product * each.density(settings[this.#fields[index] as string] as Value),
        1,
      );
    return Math.log(this.#kernels.reduce((sum, kernel) => sum + density(kernel), 0) / this.#kernels.length);
  }
}

/** Every trial speaks for its own choice, and a little for all of them: the less, the more trials there are. */
function choiceKernels(choices: readonly Value[], seen: readonly Value[]): Kernel[] {
  const texts = choices.map((choice) => JSON.stringify(choice));
  const prior = 1 / (seen.length + 1);
  return [...seen.map((value) => texts.indexOf(JSON.stringify(value))), -1].map((own) => {
    const weights = choices.map((_, index) => prior + (index === own ? 1 : 0));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return {
      draw: (rng) => {
        let left = rng.uniform() * total;
        const index = weights.findIndex((weight) => {
          left -= weight;
          return left < 0;
        });
        return choices[index < 0 ? choices.length - 1 : index] as Value;
      },
      density: (value) => {
        const index = texts.indexOf(JSON.stringify(value));
        return index < 0 ? prior / total : (weights[index] as number) / total;
      },
    };
  });
}

/**
 * Normal densities cut to the range: at every trial one as wide as the farther of its neighbours is away, though not narrower than a share
 * of the range that shrinks with their number, and a prior in the middle, as wide as the range.
 */
function rangeKernels(range: Range, values: readonly number[]): Kernel[] {
  const points = values.map((value) => toShare(range, value));
  const sorted = [...points].sort((a, b) => a - b);
  const least = 1 / Math.min(100, points.length + 2);
  const widthAt = (point: number) => {
    const at = sorted.indexOf(point);
    const [below, above] = [sorted[at - 1], sorted[at + 1]];
    // The ends of the range count as neighbours only where there is no other.
    const alone = sorted.length === 1 ? Math.max(point, 1 - point) : 0;
    const width = Math.max(
      alone,
      below === undefined ? 0 : point - below,
      above === undefined ? 0 : above - point,
    );
    return Math.min(1, Math.max(least, width));
  };
  return [...points.map((point) => normalKernel(range, point, widthAt(point))), normalKernel(range, 0.5, 1)];
}

function normalKernel(range: Range, mean: number, width: number): Kernel {
  const mass = normalBelow((1 - mean) / width) - normalBelow(-mean / width);
  return {
    draw: (rng) => {
      for (;;) {
        const share = mean + width * rng.normal();
        if (share >= 0 && share <= 1) return fromShare(range, share);
      }
    },
    density: (value) =>
      Math.exp(-0.5 * ((toShare(range, value as number) - mean) / width) ** 2) / (width * mass),
  };
}

/** Whole numbers own half a step on either side, so that those at the ends are as likely as others. */
const continuous = (range: Range): Range =>
  range.integer ? { ...range, integer: false, from: range.from - 0.5, to: range.to + 0.5 } : range;

/** Settings that one had before may lie outside the range. */
const toShare = (range: Range, value: number) => Math.min(1, Math.max(0, shareOf(continuous(range), value)));

function fromShare(range: Range, share: number): number {
  const value = valueAt(continuous(range), share);
  return range.integer ? Math.min(range.to, Math.max(range.from, Math.round(value))) : value;
}

/** Standard normal distribution function, to 1e-7 (Abramowitz & Stegun 1964, 26.2.17). */
function normalBelow(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const tail =
    (Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return x >= 0 ? 1 - tail : tail;
}
