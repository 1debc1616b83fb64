import { it } from 'node:test';
import { MemoryLog } from '../../infra/memory/log.js';
import { describeLog } from '../conformance/log.js';
import { checkLogModel } from '../conformance/log-model.js';

function memoryHarness() {
  const log = new MemoryLog();
  return { open: async () => log, cleanUp: () => log.close(), compaction: 'with-the-checkpoint' } as const;
}

describeLog('memory', memoryHarness);

it('the memory log agrees with a plain model over random histories', () => checkLogModel(memoryHarness, 500));
