import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { lagOf } from '../../app/metrics.js';
import type { Log, NewRecord } from '../../domain/log.js';
import { kafkaLogConfigSchema } from '../../infra/kafka/config.js';
import { openKafkaLog } from '../../infra/kafka/log.js';
import { describeLog, type LogHarness } from '../conformance/log.js';
import { checkLogModel } from '../conformance/log-model.js';
import { checkpointAfter, consumeTopic, freshName, newRecord, topicSpec } from '../conformance/log-parts.js';
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

  it('a stage that has included everything lags by nothing, whatever transactions have left behind', async () => {
    const made = harness();
    const log = await made.open();
    const [from, to] = [freshName('marked-in'), freshName('marked-out')];
    await log.ensureTopics([from, to].map((name) => topicSpec(name, { partitionCount: 1 })));
    const consume = (topic: string, outputs: readonly NewRecord[]) =>
      consumeTopic(log, { group: `after-${topic}`, topic, batchRecordsMax: 1 }, () => ({
        process: async (batch) => checkpointAfter(batch, { outputs }),
      }));
    const record = (topic: string): NewRecord => newRecord(topic, 0, 'v');
    await log.append([record(from), record(from), record(from)]);
    await consume(from, [record(to)]).close({ drain: true });
    assert.equal(await lagOf(log, `after-${to}`, to), 6, 'three records, a mark behind each');
    await consume(to, []).close({ drain: true });
    assert.equal(await lagOf(log, `after-${to}`, to), 0);
    assert.equal(await lagOf(log, `after-${from}`, from), 0);
    await log.append([record(from)]);
    assert.equal(await lagOf(log, `after-${from}`, from), 1);
    await made.cleanUp();
  });

  describe('random histories', () => {
    it('the Kafka log agrees with a plain model', { timeout: 300_000 }, () => checkLogModel(harness, 3));
  });
}
