import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { Log } from '../../domain/log.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { describeLog, type LogHarness } from '../conformance/log.js';
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
    compaction: 'with-the-checkpoint',
    cleanUp: async () => {
      for (const log of opened) await log.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

describeLog('embedded', embeddedHarness);

it('the embedded log agrees with a plain model over random histories', () =>
  checkLogModel(embeddedHarness, 15));
