import { MemoryStore } from '../../infra/memory/store.js';
import { describeStore } from '../conformance/store.js';

describeStore('memory', () => {
  const store = new MemoryStore();
  return { open: async () => store, cleanUp: () => store.close() };
});
