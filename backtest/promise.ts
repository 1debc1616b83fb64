/** How good a network's forecasts were to be, as far as it was known before they were issued. */
import type { BacktestResult } from './compare-results.js';
import { type MachineErrors, meanBrierOf } from './metrics/bootstrap.js';
import { meanOverDays } from './metrics/brier.js';

export interface Promised {
  /** `validation`: on the machines kept from its training, by which that was stopped. `backtest`: a result of `backtest --json`. */
  readonly source: 'validation' | 'backtest';
  readonly machineCount: number;
  /** [H] Brier score at days 1..H; null where no outcome was known. */
  readonly brierByDay: readonly (number | null)[];
  readonly meanBrier: number | null;
  /** Of a backtest, by machine: what its spread is made from. Of a validation only the scores are kept. */
  readonly errors: MachineErrors | null;
}

export function promiseOfBacktest({ forecasters, horizonDays }: BacktestResult): Promised {
  const errors = (forecasters[0] as BacktestResult['forecasters'][number]).errors;
  const brierByDay = Array.from({ length: horizonDays }, (_, k) => {
    const [error, count] = (['error', 'count'] as const).map((column) =>
      Object.values(errors).reduce((sum, machine) => sum + (machine[column][k] as number), 0),
    ) as [number, number];
    return count === 0 ? null : error / count;
  });
  return {
    source: 'backtest',
    machineCount: Object.keys(errors).length,
    brierByDay,
    meanBrier: meanBrierOf(errors),
    errors,
  };
}

export function promiseOfValidation(metrics: {
  readonly validationBrier: readonly (number | null)[];
  readonly validationMachineCount: number;
}): Promised | null {
  const { validationBrier, validationMachineCount } = metrics;
  if (validationMachineCount === 0) return null; // imported from elsewhere: nobody has judged it
  return {
    source: 'validation',
    machineCount: validationMachineCount,
    brierByDay: validationBrier,
    meanBrier: meanOverDays(validationBrier),
    errors: null,
  };
}
