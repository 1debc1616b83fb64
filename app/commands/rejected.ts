import { Command, Option } from 'commander';
import { type RejectedRecord, rejectReasons } from '../../domain/input.js';
import type { Log } from '../../domain/log.js';
import { decodeRecord, topics } from '../../domain/topics.js';
import { loadDeployment } from '../config.js';
import { openLog } from '../open-log.js';
import { formatCount, formatTime } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { formatTable } from '../terminal/table.js';
import { configOption, jsonOption, wholeNumber } from './options.js';

interface RejectedOptions {
  readonly config: string;
  readonly reason?: string;
  readonly machine?: string;
  readonly limit: number;
  readonly json: boolean;
}

export function rejectedCommand(): Command {
  return new Command('rejected')
    .description('list readings, events and messages that were refused, newest first, with the reason')
    .addOption(configOption())
    .addOption(new Option('--reason <reason>', 'only this reason').choices([...rejectReasons]))
    .option('--machine <id>', 'only this machine')
    .option('--limit <count>', 'at most this many', wholeNumber(1), 20)
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  millwright rejected\n  millwright rejected --reason out-of-range --machine press-7 --json',
    )
    .action(async (options: RejectedOptions) => {
      const { config } = loadDeployment(options.config);
      const log = await openLog(config, 'read-only');
      try {
        const { counts, newest } = await collectRejected(log, options);
        printResult({ json: { counts, newest }, human: () => describe(counts, newest) }, options.json);
      } finally {
        await log.close();
      }
    });
}

/** Counts by reason over all that the log still has, and the newest of those asked for. */
async function collectRejected(log: Log, wanted: RejectedOptions) {
  const counts: Record<string, number> = {};
  const newest: RejectedRecord[] = [];
  for (const { partition, beginOffset } of await log.status(topics.rejected))
    for await (const record of log.read({ topic: topics.rejected, partition }, beginOffset)) {
      const rejected = decodeRecord(topics.rejected, record);
      counts[rejected.reason] = (counts[rejected.reason] ?? 0) + 1;
      if (wanted.reason !== undefined && rejected.reason !== wanted.reason) continue;
      if (wanted.machine !== undefined && rejected.machine !== wanted.machine) continue;
      newest.push(rejected);
      if (newest.length > 4 * wanted.limit) keepNewest(newest, wanted.limit);
    }
  keepNewest(newest, wanted.limit);
  return { counts, newest };
}

function keepNewest(records: RejectedRecord[], limit: number): void {
  records.sort((a, b) => b.ingestTimeMs - a.ingestTimeMs);
  records.length = Math.min(records.length, limit);
}

function describe(counts: Readonly<Record<string, number>>, newest: readonly RejectedRecord[]): string {
  if (Object.keys(counts).length === 0) return 'nothing was rejected';
  const byReason = Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${reason} ${formatCount(count)}`)
    .join(' · ');
  const rows = newest.map(({ ingestTimeMs, reason, machine, detail }) => [
    formatTime(ingestTimeMs),
    reason,
    machine || '–',
    detail,
  ]);
  return `${byReason}\n\n${formatTable([{ title: 'arrived' }, { title: 'reason' }, { title: 'machine' }, { title: 'what' }], rows)}`;
}
