/** `millwright labels`: what each rule made of which event. */
import { Command } from 'commander';
import { loadDeployment } from '../config.js';
import { type LabelledEvent, labelEvents, labels } from '../labels.js';
import { openLog } from '../open-log.js';
import { formatTime } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { formatTable } from '../terminal/table.js';
import { configOption, jsonOption } from './options.js';

interface LabelsOptions {
  readonly config: string;
  readonly machine?: string;
  readonly json: boolean;
}

export function labelsCommand(): Command {
  return new Command('labels')
    .description('what failures, maintenance and feedback in the log are for training and backtests')
    .addOption(configOption())
    .option('--machine <id>', 'only this machine')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExamples:\n  millwright labels\n  millwright labels --machine press-033 --json\n\nThe rules: docs/guide/commands.md.',
    )
    .action(async ({ config, machine, json }: LabelsOptions) => {
      const deployment = loadDeployment(config);
      const log = await openLog(deployment.config, 'read-only');
      try {
        const all = await labelEvents(deployment, log, formatTime);
        const found = all.filter(({ event }) => machine === undefined || event.machine === machine);
        printResult(
          {
            json: {
              counts: countsOf(found),
              events: found.map(({ event, ...made }) => ({ ...event, ...made })),
            },
            human: () => describe(found),
          },
          json,
        );
      } finally {
        await log.close();
      }
    });
}

function countsOf(found: readonly LabelledEvent[]): Record<string, number> {
  const counts: [string, number][] = labels.map((label) => [
    label,
    found.filter((each) => each.label === label).length,
  ]);
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

function describe(found: readonly LabelledEvent[]): string {
  if (found.length === 0) return 'No failure, maintenance, retirement or feedback is in the log.';
  const rows = found.map(({ event, label, why }) => [
    formatTime(event.eventTimeMs),
    event.machine,
    [event.event, event.code].filter((word) => word !== '').join(' '),
    label,
    why,
  ]);
  const columns = ['when', 'machine', 'event', 'label', 'why'].map((title) => ({ title }));
  const counts = Object.entries(countsOf(found)).map(([label, count]) => `${count} ${label}`);
  return `${formatTable(columns, rows)}\n\n${counts.join(', ')}`;
}
