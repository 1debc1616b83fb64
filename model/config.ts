import { z } from 'zod';
import { calibrationMethods } from './calibration/calibrate.js';
import { cellNames } from './cells/cell.js';
import { normalizationNames } from './cells/layers.js';
import { scheduleNames } from './learning-rate.js';
import { optimizerNames } from './optimizers/optimizer.js';
import { taskNames } from './tasks.js';

/**
 * How to train. Defaults were chosen on machines of C-MAPSS that were kept from training, over three seeds.
 *
 * FD001, validation Brier of learning rates .002 and .004: .0078 and .0074 with 60 steps of context, .0069 and .0062
 * with 90. FD002, a quarter of the training engines held out, mean Brier / root mean squared error of the remaining
 * life: dropout .1 and weight decay 1e-4 .0120 / 13.3, with learning rate .002 .0117 / 13.5; dropout .3 and weight decay
 * .01 .0112 / 13.3, with learning rate .002 .0121 / 13.7, with the mean of the parameters .0110 / 13.1; dropout .5
 * .0118 / 13.3; 32 units with dropout .2 .0119 / 14.5. FD001 does not mind (validation Brier .0057 before, .0059 after).
 */
export const trainingConfigSchema = z.strictObject({
  cell: z
    .enum(cellNames)
    .default('lstm')
    .describe(
      'Recurrent cell: `lstm`, `gru` (three quarters of its parameters) or `rnn` (a quarter; forgets sooner).',
    ),
  layers: z.number().int().min(1).max(3).default(1).describe('Recurrent layers on top of one another.'),
  normalization: z
    .enum(normalizationNames)
    .default('none')
    .describe(
      '`layer`: what is read of each recurrent layer is brought to mean 0 and variance 1 at every step.',
    ),
  task: z
    .enum(taskNames)
    .default('dense')
    .describe(
      'How a window becomes a forecast. `dense`: every step learns to forecast the whole horizon; `many-to-one`: only the newest step does; `equal-length`: day k is read from step k; `encoder-decoder`: a second network runs over the days of the horizon; `encoder-decoder-recursive`: and reads its own output for the day before; `day-decoder`: a small network, the same for all days, reads the newest state, the newest step itself, which day it is, and what is planned for that day (`plannedVisits` of the machine type).',
    ),
  hiddenSize: z.number().int().min(1).max(1024).default(64).describe('Width of each recurrent layer.'),
  decoderUnits: z
    .number()
    .int()
    .min(1)
    .max(1024)
    .default(64)
    .describe('With task day-decoder: width of the two layers that look at a day.'),
  visitAgeSteps: z
    .number()
    .int()
    .min(0)
    .max(365)
    .default(30)
    .describe(
      'With task day-decoder: the steps since the last maintenance of any kind are told step by step up to this many, so that the network can find the cadence of the visits. 0: not told.',
    ),
  byCause: z
    .boolean()
    .default(false)
    .describe(
      'With task day-decoder: a hazard of its own for each kind of maintenance that failures name (their `code`), and the machine fails when any of them does. Each is told how long ago its own maintenance will be on each day of the horizon, and nothing of the other kinds.',
    ),
  clockScales: z
    .array(z.number().positive())
    .min(1)
    .default([10])
    .describe(
      'With byCause: x steps since a maintenance are told as exp(−x / scale), once for each of these scales: what is long ago is all the same.',
    ),
  batchSize: z.number().int().min(1).max(4096).default(64).describe('Windows per training step.'),
  threads: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(2)
    .describe(
      'Threads that share the work of every batch of `millwright train`. The same number gives the same network, bit for bit, another one other last digits.',
    ),
  steps: z
    .number()
    .int()
    .min(1)
    .default(700)
    .describe(
      'Training steps at most; early stopping may end before. The learning rate is laid out over them.',
    ),
  learningRate: z.number().positive().default(4e-3).describe('Highest learning rate.'),
  warmUpShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe('Share of the steps over which the learning rate rises from 0.'),
  schedule: z
    .enum(scheduleNames)
    .default('cosine')
    .describe(
      'How the learning rate falls after that. `cosine`: along half a cosine, over all steps; `step`: times `decayFactor` every `decayEverySteps`; `plateau`: times `decayFactor` when validations bring no better loss.',
    ),
  finalRateShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.02)
    .describe('The learning rate never falls below this share of the highest; a cosine ends there.'),
  decayEverySteps: z
    .number()
    .int()
    .min(1)
    .default(200)
    .describe('Steps between two falls of the learning rate; only of `schedule: step`.'),
  decayFactor: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.5)
    .describe('What the learning rate is multiplied by when it falls; of `schedule: step` and `plateau`.'),
  plateauPatience: z
    .number()
    .int()
    .min(0)
    .default(3)
    .describe(
      'Validations in a row without a better loss that `schedule: plateau` puts up with; the next one lowers the rate.',
    ),
  optimizer: z
    .enum(optimizerNames)
    .default('adamw')
    .describe('`adamw`: weight decay beside the gradient; `adam`: weight decay as part of the gradient.'),
  weightDecay: z.number().min(0).default(0.01).describe('Weight decay of matrices.'),
  clipNorm: z.number().positive().default(1).describe('Longer gradients are scaled down to this norm.'),
  averageDecay: z
    .number()
    .min(0)
    .lt(1)
    .default(0.98)
    .describe(
      'The network that is kept is a running mean over the training steps; each step leaves this share of the mean before it. 0: no mean.',
    ),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0.3)
    .describe(
      'Share of the outputs of each recurrent layer set to zero in training, the same ones at all steps of a window.',
    ),
  smoothingAlphas: z
    .array(z.number().gt(0).lt(1))
    .default([0.1, 0.03])
    .describe(
      'Weights of the newest step in the exponentially weighted means that become inputs. Empty: none.',
    ),
  lagSteps: z
    .array(z.number().int().min(1))
    .default([])
    .describe(
      'Measured features as they were so many steps before become inputs too, such as [7] where weeks differ from weekends. Must lie within contextSteps.',
    ),
  differenceSteps: z
    .array(z.number().int().min(1))
    .default([])
    .describe(
      'By how much measured features have changed over so many steps becomes an input, such as [1, 7].',
    ),
  clipSds: z
    .number()
    .positive()
    .default(6)
    .describe('Standardised features are cut to plus or minus this many standard deviations.'),
  remainingLifeWeight: z
    .number()
    .min(0)
    .default(1)
    .describe('Weight of remaining useful life as a second task in the loss. 0 leaves it out.'),
  remainingLifeCapSteps: z
    .number()
    .positive()
    .default(125)
    .describe('Remaining useful life beyond this many steps counts as this many.'),
  validation: z
    .enum(['other-machines', 'later-time'])
    .default('other-machines')
    .describe(
      'What is kept from training, to judge by and to stop early. `other-machines`: some of the machines; `later-time`: the last days of all of them, and nothing that became known in those days is learned from.',
    ),
  calibration: z
    .enum(['any', ...calibrationMethods, 'none'])
    .default('any')
    .describe(
      'How the failure curve may be calibrated, day by day, on the days where the validation machines show that it helps: by `isotonic` regression, `platt` or `temperature` scaling, or `any` of them (the one that helps most).',
    ),
  lifeCoverage: z
    .number()
    .min(0)
    .lt(1)
    .default(0.9)
    .describe(
      'Least probability that the interval of the remaining useful life holds it, on machines like those of the history. 0: no interval.',
    ),
  validationShare: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.2)
    .describe('How much of it: share of the machines, or of the days of all histories together.'),
  validateEverySteps: z.number().int().min(1).default(25).describe('Steps between two validations.'),
  validationWindowsMax: z
    .number()
    .int()
    .min(1)
    .default(2000)
    .describe('At most this many windows of the validation machines are judged, evenly chosen.'),
  patience: z
    .number()
    .int()
    .min(1)
    .default(12)
    .describe('Training stops after this many validations in a row without a better loss.'),
  onDivergence: z
    .enum(['stop', 'retry'])
    .default('stop')
    .describe(
      'When the loss is no longer finite: `stop` with a diagnosis, or `retry` once from the start, at a tenth of the learning rate.',
    ),
  gradientsThroughTime: z
    .enum(['off', 'at-validations'])
    .default('off')
    .describe(
      '`at-validations`: log how much the loss of the newest step depends on the inputs of each step of the window, which shows how far back the network learns from.',
    ),
});

export type TrainingConfig = z.output<typeof trainingConfigSchema>;
export type TrainingConfigInput = z.input<typeof trainingConfigSchema>;
