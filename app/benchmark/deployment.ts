/** A deployment that a benchmark's history passes through; nothing is written anywhere. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MachineDirectory, type MachineEntry, machineEntrySchema } from '../../domain/machine-directory.js';
import type { MachineType } from '../../domain/machine-type.js';
import { type Deployment, deploymentSchema } from '../config.js';

const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** Absolute path of a file that comes with the package. */
export function packageFile(path: string): string {
  return join(packageRoot, path);
}

/** One machine type for all machines. `attributes`: those of a machine by its id; without them any id is a machine. */
export function benchDeployment(
  typeFile: string,
  type: MachineType,
  attributes?: ReadonlyMap<string, Readonly<Record<string, string>>>,
): Deployment {
  const config = deploymentSchema.parse({ machineTypes: [typeFile], machines: [{ match: '*' }] });
  const entries: readonly Partial<MachineEntry>[] = attributes
    ? [...attributes].map(([match, own]) => ({ match, attributes: { ...own } }))
    : [{ match: '*' }];
  return {
    file: typeFile,
    config,
    types: new Map([[type.name, type]]),
    directory: new MachineDirectory(
      entries.map((entry) => machineEntrySchema.parse({ ...entry, type: type.name })),
    ),
  };
}
