import type { Factory } from '../../app/simulate/factory-config.js';
import { simulateHistory } from '../../app/simulate/simulate-factory.js';
import type { Label } from '../../app/simulate/simulated-machine.js';
import type { DatasetRecord } from '../../domain/dataset.js';

export function historyOf(factory: Factory): { records: DatasetRecord[]; labels: Label[] } {
  const records: DatasetRecord[] = [];
  const labels: Label[] = [];
  for (const item of simulateHistory(factory))
    if (item.kind === 'record') records.push(item.record);
    else if (item.kind === 'label') labels.push(item.label);
  return { records, labels };
}
