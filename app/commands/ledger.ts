/** `millwright ledger`: where everything received has ended. */
import { Command } from 'commander';
import { loadDeployment } from '../config.js';
import { computeLedger } from '../ledger.js';
import { openLog } from '../open-log.js';
import { formatLedger } from '../terminal/ledger-line.js';
import { printResult } from '../terminal/print-result.js';
import { configOption, jsonOption } from './options.js';

export function ledgerCommand(): Command {
  return new Command('ledger')
    .description('account for every reading and event received: accepted, rejected, duplicate, late, waiting')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  millwright ledger -c plant.yaml --json\n\nA plant that is running tells it on its page, too: /api/v1/ledger.',
    )
    .action(async (options: { config: string; json: boolean }) => {
      const { config } = loadDeployment(options.config);
      const log = await openLog(config, 'read-only');
      try {
        const ledger = await computeLedger(log);
        printResult({ json: ledger, human: () => formatLedger(ledger) }, options.json);
      } finally {
        await log.close();
      }
    });
}
