import { z } from 'zod';
import { durationMs } from '../../domain/duration.js';
import { kafkaConnectionSchema } from '../../domain/kafka-connection.js';

export const kafkaLogConfigSchema = z.strictObject({
  ...kafkaConnectionSchema.shape,
  prefix: z
    .string()
    .regex(/^[a-zA-Z0-9._-]{0,60}$/, 'may hold letters, digits, ".", "_" and "-", 60 at most')
    .default('millwright.')
    .describe(
      'Names of topics, groups and transactions begin with it. Plants that share a cluster need one each.',
    ),
  replicationFactor: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Copies of each partition of the topics that we make; default: what the cluster is set to.'),
  minInsyncReplicas: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe(
      'Copies that must have a record before it counts as written; default: what the cluster is set to.',
    ),
  compactionLagMs: durationMs
    .default(7 * 86_400_000)
    .describe(
      'Compacted topics keep what has been superseded for this long, so that a stage that has been away sees all of it.',
    ),
  recordBytesMax: z
    .number()
    .int()
    .min(100_000)
    .max(100_000_000)
    .default(4_194_304)
    .describe('Largest record that the topics that we make take.'),
  compression: z
    .enum(['none', 'gzip'])
    .default('none')
    .describe('"gzip" takes less of network and disk, and more work.'),
  sessionTimeoutMs: durationMs
    .default(30_000)
    .describe('A process that Kafka has not heard of for this long loses its partitions to the others.'),
  heartbeatMs: durationMs
    .default(1_000)
    .describe('How often a process tells that it lives, and hears that partitions are to be shared anew.'),
});

export type KafkaLogConfig = z.output<typeof kafkaLogConfigSchema>;
