import { after, describe, it } from 'node:test';
import type { Log } from '../../domain/log.js';
import { kafkaLogConfigSchema } from '../../infra/kafka/config.js';
import { openKafkaLog } from '../../infra/kafka/log.js';
import { describeLog, type LogHarness } from '../conformance/log.js';
import { checkLogModel } from '../conformance/log-model.js';
import { startKafka } from '../services/kafka.js';

const kafka = await startKafka();

if (!kafka) it('the Kafka log', { skip: 'no Kafka here' }, () => {});
else {
  after(() => kafka.stop());
  const config = kafkaLogConfigSchema.parse({
    brokers: kafka.brokers,
    prefix: `test-${process.pid}-`,
    heartbeatMs: '300ms',
  });
  const harness = (): LogHarness => {
    const opened: Log[] = [];
    const open = async () => {
      const log = await openKafkaLog({ config });
      opened.push(log);
      return log;
    };
    return {
      open,
      reopen: open,
      compaction: 'later',
      cleanUp: async () => {
        for (const log of opened) await log.close();
      },
    };
  };
  describeLog('Kafka', harness);

  describe('random histories', () => {
    it('the Kafka log agrees with a plain model', { timeout: 300_000 }, () => checkLogModel(harness, 3));
  });
}
