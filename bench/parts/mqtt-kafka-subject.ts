/**
 * MQTT QoS 1 -> Kafka acks=all as the product does it, in a process of its own: ingest as a client of an outside broker, on the
 * Kafka log. Started by bench/mqtt-kafka.ts with a deployment file; prints "ready" when it has subscribed.
 */
import { loadDeployment } from '../../app/config.js';
import { startIngest } from '../../app/ingest-part.js';
import { silentLogger } from '../../app/logger.js';
import { openLog } from '../../app/open-log.js';
import { SetClock } from '../../domain/clock.js';
import { topicSpecs } from '../../domain/topics.js';
import { startMs } from './plant.js';

const deployment = loadDeployment(process.argv[2] ?? '');
const fail = (error: unknown) => {
  throw error;
};
const log = await openLog(deployment.config, 'read-write');
await log.ensureTopics(topicSpecs(deployment.config.log.partitions, Infinity));
const part = await startIngest({
  deployment,
  log,
  clock: new SetClock(startMs),
  logger: silentLogger,
  onFailure: fail,
});
process.once('SIGTERM', () => {
  void part.close().then(() => log.close());
});
console.log('ready');
