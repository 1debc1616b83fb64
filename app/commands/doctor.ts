/** `millwright doctor`: what is wrong with this installation, in sentences. */
import { Command } from 'commander';
import { diagnose } from '../doctor.js';
import type { Finding } from '../finding.js';
import { exitCodes } from '../terminal/exit-codes.js';
import { printResult } from '../terminal/print-result.js';
import { makeTerminal, type Paint } from '../terminal/terminal.js';
import { configOption, jsonOption } from './options.js';

const marks = { good: 'ok', warning: 'note', bad: 'wrong' } as const;

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say what is wrong with this installation, and what to do')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  millwright doctor -c plant.yaml\n\nExit code: 0 nothing is wrong, 1 something is.',
    )
    .action(async (options: { config: string; json: boolean }) => {
      const findings = await diagnose(options.config);
      const { paint } = makeTerminal(process.stdout);
      printResult(
        { json: { findings }, human: () => findings.map((finding) => line(finding, paint)).join('\n') },
        options.json,
      );
      if (findings.some(({ state }) => state === 'bad')) process.exitCode = exitCodes.failed;
    });
}

function line({ state, what, sentence }: Finding, paint: Paint): string {
  const mark = marks[state].padEnd(5);
  const painted =
    state === 'good' ? paint.good(mark) : state === 'warning' ? paint.warning(mark) : paint.critical(mark);
  return `${painted}  ${what.padEnd(14)} ${sentence}`;
}
