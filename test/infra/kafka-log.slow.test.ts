import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { after, describe, it } from 'node:test';
import { lagOf } from '../../app/metrics.js';
import type { Log, LogRecord, NewRecord } from '../../domain/log.js';
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

  it('a stage that has included everything lags by nothing, whatever transactions have left behind', async () => {
    const made = harness();
    const log = await made.open();
    const topicsOfTest = ['marked-in', 'marked-out'].map((name) => `${name}-${process.pid}`);
    const [from = '', to = ''] = topicsOfTest;
    const kept = { partitionCount: 1, cleanup: 'delete', retentionMs: Infinity } as const;
    await log.ensureTopics(topicsOfTest.map((name) => ({ name, ...kept })));
    const consume = (topic: string, outputs: readonly NewRecord[]) =>
      log.consume({
        group: `after-${topic}`,
        topics: [topic],
        batchRecordsMax: 1,
        from: 'beginning',
        handlerFor: () => ({
          restore() {},
          process: async ({ records }) => ({
            nextOffset: (records.at(-1) as LogRecord).offset + 1,
            outputs,
            state: [],
          }),
          close() {},
        }),
      });
    const record = (topic: string): NewRecord => {
      return { topic, partition: 0, key: 'k', value: Buffer.from('v'), timeMs: 1 };
    };
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
