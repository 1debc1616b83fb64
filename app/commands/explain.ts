/** `millwright explain`: which sensor on which day moved a forecast, and where an alert came from. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { bindRules } from '../../alerts/rule.js';
import { readAlertId } from '../../domain/alert.js';
import { UserError } from '../../domain/errors.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { parseTimeMs } from '../../infra/files/parse-time.js';
import { traceAlert } from '../alert-trace.js';
import { type Deployment, loadDeployment } from '../config.js';
import { Explanations } from '../explanations.js';
import { openStore } from '../open-store.js';
import { gateSentences, gatesSvg, saturatedGates } from '../pictures/gates-svg.js';
import { formatAlertTrace } from '../terminal/alert-trace-text.js';
import { formatExplanation } from '../terminal/explanation-table.js';
import { printResult } from '../terminal/print-result.js';
import { configOption, jsonOption, wholeNumber } from './options.js';

interface ExplainOptions {
  readonly config: string;
  readonly machine?: string;
  readonly at?: string;
  readonly within?: number;
  readonly gates?: string;
  readonly json: boolean;
}

export function explainCommand(): Command {
  return new Command('explain')
    .description('which sensor on which day moved a forecast of a machine; where an alert came from')
    .argument('[machine]', 'machine id: its newest forecast in the store; or the id of an alert')
    .option('--machine <id>', 'the same')
    .option('--at <date>', 'the newest forecast up to then, such as 2026-08-20 or 2026-08-20T06:00Z (UTC)')
    .option(
      '--within <steps>',
      'day of the horizon to explain; default: the expected day, or 7',
      wholeNumber(1),
    )
    .option('--gates <file>', 'also draw what the gates did over the window: an SVG file')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Examples:
  millwright explain press-033
  millwright explain --machine press-033 --at 2026-08-20 --within 14 --json
  millwright explain press-033 --gates gates.svg
  millwright explain near/press-033/1772409600000

Integrated gradients, compared with an average machine of the training data: see docs/guide/commands.md.`,
    )
    .action(async (argument: string | undefined, options: ExplainOptions) => {
      const machine = argument ?? options.machine;
      if (machine === undefined) throw new UserError('name a machine: millwright explain press-7');
      const deployment = loadDeployment(options.config);
      if (readAlertId(machine)) return explainAlert(machine, deployment, options.json);
      const atMs = options.at === undefined ? undefined : parseTimeMs(options.at, 'iso', 'UTC');
      if (options.at !== undefined && atMs === undefined)
        throw new UserError(`--at ${options.at} is no time; write 2026-08-20 or 2026-08-20T06:00Z`);
      const { store } = await openStore(deployment, 'read-only');
      const explanations = new Explanations(deployment, store);
      try {
        const at = atMs === undefined ? {} : { atMs };
        const explanation = await explanations.explain(machine, {
          ...at,
          ...(options.within === undefined ? {} : { day: options.within }),
        });
        const report = options.gates === undefined ? undefined : await explanations.gates(machine, at);
        if (options.gates !== undefined && report) await writeFile(options.gates, gatesSvg(report));
        printResult(
          {
            json: report ? { ...explanation, saturatedGates: saturatedGates(report) } : explanation,
            human: () =>
              [formatExplanation(explanation), ...(report ? ['', ...gateSentences(report)] : [])].join('\n'),
          },
          options.json,
        );
      } finally {
        await explanations.close();
        await store.close();
      }
    });
}

async function explainAlert(alertId: string, deployment: Deployment, json: boolean): Promise<void> {
  const { config, types } = deployment;
  const log = await openEmbeddedLog({ dir: join(config.dataDir, 'log'), mode: 'read-only' });
  try {
    const traced = await traceAlert(log, alertId);
    const alert = traced[0]?.alert;
    const rules = [...bindRules(config.alerts, [...types.values()]).values()].flat();
    const inForce = rules.filter(({ name }) => name === alert?.rule);
    const versionsInForce = [...new Set(inForce.map(({ version }) => version))];
    printResult(
      {
        json: { alertId, versionsInForce, transitions: traced },
        human: () => formatAlertTrace(traced, inForce),
      },
      json,
    );
  } finally {
    await log.close();
  }
}
