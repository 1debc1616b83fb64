#!/usr/bin/env -S node --max-semi-space-size=64
/** The command line. One file per command under `commands/`; this one only joins them. */
import { Command, CommanderError } from 'commander';
import { alertCommand } from './commands/alert.js';
import { backtestCommand } from './commands/backtest.js';
import { benchmarkCommand } from './commands/benchmark.js';
import { compareCommand } from './commands/compare.js';
import { configCommand } from './commands/config.js';
import { demoCommand } from './commands/demo.js';
import { diagnoseCommand } from './commands/diagnose.js';
import { distillCommand } from './commands/distill.js';
import { doctorCommand } from './commands/doctor.js';
import { driftCommand } from './commands/drift.js';
import { explainCommand } from './commands/explain.js';
import { exportCommand } from './commands/export.js';
import { importCommand } from './commands/import.js';
import { infraCommand } from './commands/infra.js';
import { inspectCommand } from './commands/inspect.js';
import { labelsCommand } from './commands/labels.js';
import { ledgerCommand } from './commands/ledger.js';
import { modelCommand } from './commands/model.js';
import { predictCommand } from './commands/predict.js';
import { quantizeCommand } from './commands/quantize.js';
import { rejectedCommand } from './commands/rejected.js';
import { replayCommand } from './commands/replay.js';
import { rulesCommand } from './commands/rules.js';
import { runCommand } from './commands/run.js';
import { silenceCommand } from './commands/silence.js';
import { simulateCommand } from './commands/simulate.js';
import { trackCommand } from './commands/track.js';
import { trainCommand } from './commands/train.js';
import { tuneCommand } from './commands/tune.js';
import { exitCodes } from './terminal/exit-codes.js';
import { runMain } from './terminal/run-main.js';
import { codeVersion } from './training.js';

const exitHelp = `
Exit codes: 0 done; 1 done, but what was asked for is not so; 2 wrong usage or configuration; 3 the world (a service
that cannot be reached, a full disk, a port in use); 130 interrupted by Ctrl-C, after finishing what was under way.`;

function makeProgram(signal: AbortSignal): Command {
  const program = new Command('millwright')
    .description('From sensor messages to failure forecasts and alerts')
    .version(codeVersion())
    .addHelpText('after', exitHelp)
    .showHelpAfterError('(--help tells the options)');
  for (const command of [
    demoCommand(signal),
    runCommand(signal),
    trainCommand(signal),
    backtestCommand(signal),
    trackCommand(signal),
    driftCommand(signal),
    diagnoseCommand(signal),
    benchmarkCommand(signal),
    compareCommand(signal),
    tuneCommand(signal),
    replayCommand(signal),
    simulateCommand(signal),
    predictCommand(),
    explainCommand(),
    inspectCommand(),
    modelCommand(),
    quantizeCommand(signal),
    distillCommand(signal),
    exportCommand(),
    importCommand(),
    rejectedCommand(),
    rulesCommand(),
    alertCommand(),
    silenceCommand(),
    ledgerCommand(),
    labelsCommand(),
    configCommand(),
    infraCommand(),
    doctorCommand(),
  ])
    program.addCommand(command);
  for (const command of [program, ...program.commands, ...program.commands.flatMap((each) => each.commands)])
    command.exitOverride();
  return program;
}

process.exitCode = await runMain(async (signal) => {
  try {
    await makeProgram(signal).parseAsync(process.argv);
  } catch (error) {
    // Commander has printed what was wrong, or the help or version that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    throw error;
  }
  return undefined;
});
