import { resolve } from 'node:path';
import type { Dataset } from '../../domain/dataset.js';
import { readCmapss } from './cmapss.js';
import { readCsv } from './csv.js';
import type { DatasetConfig } from './dataset-config.js';
import { readJsonLines } from './json-lines.js';

/** Reads the data set that a data-set file describes; `baseDir` is the folder that the file stands in. */
export function openDataset(config: DatasetConfig, baseDir: string): Promise<Dataset> {
  switch (config.kind) {
    case 'cmapss':
      return readCmapss({ dir: resolve(baseDir, config.dir), subset: config.subset, part: config.part });
    case 'csv':
      return readCsv(config, baseDir);
    case 'json-lines':
      return readJsonLines(config, baseDir);
  }
}
