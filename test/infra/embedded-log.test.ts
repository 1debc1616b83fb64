import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../../domain/log.js';
import { openEmbeddedLog } from '../../infra/embedded/log.js';
import { describeLog, type LogHarness } from '../conformance/log.js';

export function embeddedHarness(): LogHarness {
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
