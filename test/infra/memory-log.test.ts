import { MemoryLog } from '../../infra/memory/log.js';
import { describeLog } from '../conformance/log.js';

describeLog('memory', () => {
  const log = new MemoryLog();
  return { open: async () => log, cleanUp: () => log.close() };
});
