/** Certificates and keys that a configuration names. */
import { readFileSync } from 'node:fs';
import { UserError } from '../../domain/errors.js';

/** `setting`: where the file is named, such as "mqtt.caFile". Throws UserError. */
export function readPem(file: string, setting: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new UserError(`cannot read ${file}: ${(cause as Error).message}; correct ${setting}`, { cause });
  }
}
