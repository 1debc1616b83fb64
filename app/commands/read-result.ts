/** Reads what `millwright backtest --json` has printed. */
import { readFile } from 'node:fs/promises';
import { type BacktestResult, resultSchema } from '../../backtest/compare-results.js';
import { UserError } from '../../domain/errors.js';

export async function readResult(file: string): Promise<BacktestResult> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UserError(`${file} cannot be read as JSON: ${(error as Error).message}`);
  }
  const parsed = resultSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UserError(
    `${file} is no result of \`millwright backtest --json\`: ${parsed.error.issues[0]?.message}`,
  );
}
