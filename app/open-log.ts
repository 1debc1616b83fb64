/** The log that the deployment names: every command opens it here. */
import { join } from 'node:path';
import type { Log } from '../domain/log.js';
import { openEmbeddedLog } from '../infra/embedded/log.js';
import { openKafkaLog } from '../infra/kafka/log.js';
import type { KafkaObserver } from '../infra/kafka/observer.js';
import type { DeploymentConfig } from './config.js';

/**
 * `mode` counts for the embedded log, which one process writes; Kafka is there for everybody. Throws UserError or
 * WorldError.
 */
export function openLog(
  { dataDir, log }: Pick<DeploymentConfig, 'dataDir' | 'log'>,
  mode: 'read-write' | 'read-only',
  observer?: KafkaObserver,
): Promise<Log> {
  if (log.kind === 'embedded') return openEmbeddedLog({ dir: join(dataDir, 'log'), mode });
  const { kind: _kind, partitions: _partitions, retentionMs: _retentionMs, ...config } = log;
  return openKafkaLog({ config, ...(observer && { observer }) });
}
