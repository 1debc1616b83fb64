import { z } from 'zod';

/**
 * How to train. Defaults were chosen on the validation machines of C-MAPSS FD001 over three seeds; validation Brier
 * of learning rates .002 and .004: .0078 and .0074 with 60 steps of context, .0069 and .0062 with 90.
 */
export const trainingConfigSchema = z.strictObject({
  hiddenSize: z.number().int().min(1).max(1024).default(64).describe('Width of the recurrent layer.'),
  batchSize: z.number().int().min(1).max(4096).default(64).describe('Windows per training step.'),
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
  finalRateShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.02)
    .describe('The learning rate falls along a cosine to this share of the highest.'),
  weightDecay: z.number().min(0).default(1e-4).describe('Decoupled weight decay of matrices (AdamW).'),
  clipNorm: z.number().positive().default(1).describe('Longer gradients are scaled down to this norm.'),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0.1)
    .describe(
      'Share of the recurrent outputs set to zero in training, the same ones at all steps of a window.',
    ),
  smoothingAlphas: z
    .array(z.number().gt(0).lt(1))
    .default([0.1, 0.03])
    .describe(
      'Weights of the newest step in the exponentially weighted means that become inputs. Empty: none.',
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
  validationShare: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.2)
    .describe('Share of the machines that are kept from training, to judge by and to stop early.'),
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
});

export type TrainingConfig = z.output<typeof trainingConfigSchema>;
export type TrainingConfigInput = z.input<typeof trainingConfigSchema>;
