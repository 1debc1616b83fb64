/** Two backtests of the same rows: by how much one is better, and whether that is more than luck. */
import { z } from 'zod';
import { UserError } from '../domain/errors.js';
import { Rng } from '../domain/rng.js';
import { type Interval, type MachineErrors, meanBrierDifference, meanBrierOf } from './metrics/bootstrap.js';
import { bootstrapSeed } from './score-draws.js';

/** The part of a result's JSON that is compared; there is more in it. */
export const resultSchema = z.object({
  dataset: z.string(),
  horizonDays: z.number().int().min(1),
  forecasters: z
    .array(
      z.object({
        name: z.string(),
        errors: z.record(
          z.string(),
          z.object({ error: z.array(z.number()), count: z.array(z.number().int().min(0)) }),
        ),
      }),
    )
    .min(1),
});
export type BacktestResult = z.output<typeof resultSchema>;

export interface ScoreDifference {
  /** Day of the horizon; null: the mean over all of them. */
  readonly day: number | null;
  /** Brier scores; null where no row counts at that day. */
  readonly a: number | null;
  readonly b: number | null;
  /** 95 % interval of b − a, by drawing the same machines for both: below 0, b is better. */
  readonly difference: Interval | null;
}

export interface ResultComparison {
  readonly a: string;
  readonly b: string;
  readonly machineCount: number;
  /** The mean first, then days. */
  readonly scores: readonly ScoreDifference[];
}

const days = [1, 7, 14, 30];

/** Compares the pipelines of both (their first forecasters). Throws UserError when they did not judge the same rows. */
export function compareResults(a: BacktestResult, b: BacktestResult): ResultComparison {
  const [ofA, ofB] = [a, b].map(
    ({ forecasters }) => forecasters[0] as BacktestResult['forecasters'][number],
  ) as [BacktestResult['forecasters'][number], BacktestResult['forecasters'][number]];
  refuseOtherRows(a, b, ofA.errors, ofB.errors);
  const difference = (day: number | null): ScoreDifference => {
    const [x, y] = [ofA.errors, ofB.errors].map((errors) => (day === null ? errors : atDay(errors, day))) as [
      MachineErrors,
      MachineErrors,
    ];
    return {
      day,
      a: meanBrierOf(x),
      b: meanBrierOf(y),
      difference: meanBrierDifference(y, x, new Rng(bootstrapSeed)),
    };
  };
  return {
    a: ofA.name,
    b: ofB.name,
    machineCount: Object.keys(ofA.errors).length,
    scores: [null, ...new Set([...days.filter((day) => day < a.horizonDays), a.horizonDays])].map(difference),
  };
}

function atDay(errors: MachineErrors, day: number): MachineErrors {
  const one = (values: readonly number[]) => values.slice(day - 1, day);
  return Object.fromEntries(
    Object.entries(errors).map(([machine, { error, count }]) => [
      machine,
      { error: one(error), count: one(count) },
    ]),
  );
}

function refuseOtherRows(a: BacktestResult, b: BacktestResult, x: MachineErrors, y: MachineErrors): void {
  const other = [...new Set([...Object.keys(x), ...Object.keys(y)])].find(
    (machine) => x[machine]?.count.join() !== y[machine]?.count.join(),
  );
  if (other === undefined) return;
  const counted = (errors: MachineErrors) => errors[other]?.count[0] ?? 0;
  throw new UserError(
    `the two did not judge the same forecasts: of ${other} ${a.dataset} has ${counted(x)} and ${b.dataset} has ${counted(y)} on day 1, or other days differ; run both with the same --data, --machines and --origins`,
  );
}
