/**
 * Kafka -> event-time windows -> Kafka as the product does it, in a process of its own: the step stage on the Kafka log, until
 * it has processed all that `inputs` holds. Started by bench/kafka.ts with the brokers, the prefix, the group and a
 * deployment file.
 */
import { loadDeployment } from '../../app/config.js';
import { stepStage } from '../../app/stages.js';
import { kafkaLogConfigSchema } from '../../infra/kafka/config.js';
import { openKafkaLog } from '../../infra/kafka/log.js';

const [brokers = '', prefix = '', group = '', deploymentFile = ''] = process.argv.slice(2);
const log = await openKafkaLog({
  config: kafkaLogConfigSchema.parse({ brokers: brokers.split(','), prefix }),
});
const stage = stepStage(loadDeployment(deploymentFile));
const consumer = log.consume({
  group,
  topics: [stage.topic],
  batchRecordsMax: stage.batchRecordsMax,
  from: 'beginning',
  handlerFor: (id) => stage.handlerFor(id),
});
await consumer.close({ drain: true });
await log.close();
