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

export function promiseOfBacktest({ forecasters }: BacktestResult): Promised {
  return promiseOf((forecasters[0] as BacktestResult['forecasters'][number]).errors);
}

/** Errors that were judged before. */
export function promiseOf(errors: MachineErrors): Promised {
  return {
    source: 'backtest',
    machineCount: Object.keys(errors).length,
    brierByDay: promisedBrier(errors),
    meanBrier: meanBrierOf(errors),
    errors,
  };
}

/** [H] Brier score at each day over these machines, a machine as often as it is named; null where no row counts. */
export function promisedBrier(errors: MachineErrors, machines = Object.keys(errors)): (number | null)[] {
  const horizonDays = errors[machines[0] as string]?.error.length ?? 0;
  return Array.from({ length: horizonDays }, (_, k) => {
    let [error, count] = [0, 0];
    for (const machine of machines) {
      error += errors[machine]?.error[k] as number;
      count += errors[machine]?.count[k] as number;
    }
    return count === 0 ? null : error / count;
  });
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
