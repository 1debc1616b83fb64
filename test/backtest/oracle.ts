import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Judged } from '../../backtest/judged.js';

interface SklearnAt {
  readonly n: number;
  readonly positives: number;
  readonly brier: number;
  readonly average_precision: number;
  readonly roc_auc: number;
  readonly log_loss: number;
  readonly ece_10_equal_width: number;
}

interface OracleFile {
  readonly case: {
    readonly time: number[];
    readonly event: number[];
    readonly hazard: number[][];
    readonly admin_censor_day: number[];
  };
  readonly reference: {
    readonly 'scikit-survival': Record<string, number | number[]>;
    readonly pycox: Record<string, number | number[]>;
    readonly SurvivalEVAL: { readonly histogram: number[] } & Record<string, number | number[] | string>;
    readonly 'scikit-learn (rows with known status at day k)': Record<string, SklearnAt>;
  };
}

export interface Oracle {
  readonly file: OracleFile;
  readonly rows: readonly Judged[];
}

export const oracleFile = resolve('../shared/oracle/discrete30_reference.json');
export const skipWithoutOracle = existsSync(oracleFile) ? false : `NOT CHECKED: ${oracleFile} is absent`;

/** 200 machines with given hazards, failures and censoring, scored by other people's libraries. */
export function readOracle(): Oracle {
  const file = JSON.parse(readFileSync(oracleFile, 'utf8')) as OracleFile;
  const { time, event, hazard, admin_censor_day: observed } = file.case;
  const rows = time.map((day, i): Judged => {
    let survival = 1;
    const probabilities = (hazard[i] as number[]).map((h) => {
      survival *= 1 - h;
      return 1 - survival;
    });
    return {
      probabilities,
      eventDay: event[i] === 1 ? day : 0,
      knownDays: day,
      observedDays: observed[i] as number,
    };
  });
  return { file, rows };
}
