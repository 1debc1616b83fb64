import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { Log } from '../../domain/log.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import {
  checkpointAfter,
  describeLog,
  handler,
  type LogHarness,
  newRecord,
  readTexts,
  topicSpec,
} from '../conformance/log.js';
import { checkLogModel } from '../conformance/log-model.js';

function embeddedHarness(): LogHarness {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-log-'));
  const opened: Log[] = [];
  const open = async () => {
    const log = await openEmbeddedLog({ dir });
    opened.push(log);
    return log;
  };
  return {
    open,
    reopen: open,
    cleanUp: async () => {
      for (const log of opened) await log.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describeLog('embedded', embeddedHarness);

it('the embedded log agrees with a plain model over random histories', () =>
  checkLogModel(embeddedHarness, 15));

it('what a lagging consumer has kept from compaction goes when it has come on, also after a restart', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-log-'));
  const [topic, group] = ['compacted', 'stage'];
  const put = (log: Log, texts: readonly string[]) =>
    log.append(texts.map((text) => newRecord(topic, 0, text, { key: 'same' })));
  /** Commits 'nothing': processes all, and would begin at the first record again. */
  const consume = (log: Log, commit: 'nothing' | 'all') =>
    log.consume({
      group,
      topics: [topic],
      batchRecordsMax: 10,
      from: 'beginning',
      handlerFor: () =>
        handler({
          process: async (batch) => checkpointAfter(batch, commit === 'nothing' ? { nextOffset: 0 } : {}),
        }),
    });
  try {
    let log = await openEmbeddedLog({ dir });
    await log.ensureTopics([topicSpec(topic, { cleanup: 'compact', partitionCount: 1 })]);
    const stuck = consume(log, 'nothing');
    await put(log, ['a', 'b', 'c']);
    await put(log, ['d']);
    await stuck.close({ drain: true });
    assert.deepEqual(await readTexts(log, topic, 0), ['a', 'b', 'c', 'd'], 'all are needed');
    await log.close();
    log = await openEmbeddedLog({ dir });
    await consume(log, 'all').close({ drain: true });
    await put(log, ['e']);
    assert.deepEqual(await readTexts(log, topic, 0), ['e'], 'none is needed');
    await log.close();
    log = await openEmbeddedLog({ dir });
    await put(log, ['f']);
    assert.deepEqual(await readTexts(log, topic, 0), ['e', 'f'], 'the group has not seen e');
    await consume(log, 'all').close({ drain: true });
    await put(log, ['g']);
    assert.deepEqual(await readTexts(log, topic, 0), ['g']);
    await log.close();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
