/**
 * The simulated history as tables, as a plant's historian would export them: `readings.csv` with a column per sensor,
 * `events.csv` with failures, errors and maintenance. True times, nothing lost or doubled.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Factory } from './factory-config.js';
import { LinesFile } from './lines-file.js';
import { simulateHistory } from './simulate-factory.js';
import type { Label } from './simulated-machine.js';

export interface HistoryCsvReport {
  readonly readingRowCount: number;
  readonly eventRowCount: number;
  readonly stoppedBy: 'end' | 'signal';
}

/** Makes the folder. Names and numbers need no quotes: names are letters, digits, dots, dashes and underscores. */
export async function writeHistoryCsv(
  factory: Factory,
  folder: string,
  options: {
    readonly signal: AbortSignal;
    readonly onLabel: (label: Label) => Promise<void>;
    readonly onProgress: (timeMs: number, rowCount: number) => void;
  },
): Promise<HistoryCsvReport> {
  const { signal, onLabel, onProgress } = options;
  await mkdir(folder, { recursive: true });
  const readings = new LinesFile(join(folder, 'readings.csv'));
  const events = new LinesFile(join(folder, 'events.csv'));
  const sensors = factory.type.sensors.map(({ name }) => name);
  let readingRowCount = 0;
  let eventRowCount = 0;
  try {
    await readings.write(['time', 'machine', ...sensors].join(','));
    await events.write('time,machine,event,code');
    for (const item of simulateHistory(factory)) {
      if (item.kind === 'label') await onLabel(item.label);
      else if (item.kind === 'until') {
        onProgress(item.timeMs, readingRowCount + eventRowCount);
        if (signal.aborted) return { readingRowCount, eventRowCount, stoppedBy: 'signal' };
      } else {
        const { record } = item;
        const start = [new Date(record.timeMs).toISOString(), record.machine];
        if (record.kind === 'readings') {
          readingRowCount++;
          await readings.write([...start, ...sensors.map((name) => record.values[name] ?? '')].join(','));
        } else {
          eventRowCount++;
          await events.write([...start, record.event, record.code].join(','));
        }
      }
    }
    return { readingRowCount, eventRowCount, stoppedBy: 'end' };
  } finally {
    await readings.close();
    await events.close();
  }
}
