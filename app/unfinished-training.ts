/** What a training that was broken off has left beside the versions of its machine type: a folder of checkpoints. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../domain/errors.js';
import { versionsFolder } from './model-folder.js';

export class UnfinishedTraining {
  readonly folder: string;
  readonly #type: string;

  constructor(modelDir: string, type: string) {
    this.#type = type;
    this.folder = join(versionsFolder(modelDir, type), '.training');
  }

  exists(): boolean {
    return existsSync(this.folder);
  }

  /** Throws UserError when there is nothing to go on from. */
  check(): void {
    if (this.exists()) return;
    throw new UserError(
      `there is no unfinished training of machine type ${this.#type} (in ${this.folder}): leave out --resume`,
    );
  }

  async drop(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
