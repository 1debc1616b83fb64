/** The way of a new version into use: written, judged beside the one in use, noted. All commands that make versions go it. */
import { wallClock } from '../../domain/clock.js';
import type { History } from '../../domain/features.js';
import type { MachineType } from '../../domain/machine-type.js';
import { OnnxEngine } from '../../infra/onnx/engine.js';
import type { WrittenArtifact } from '../../model/artifact.js';
import { featureSpec } from '../../stream/features.js';
import { type Adoption, adoptionReason, decideAdoption } from '../adoption.js';
import type { DeploymentConfig } from '../config.js';
import { currentVersionFolder } from '../model-folder.js';
import { type Author, Registry } from './registry.js';

export interface Introduction {
  readonly model: Pick<DeploymentConfig['model'], 'dir' | 'keep'>;
  readonly type: MachineType;
  readonly version: string;
  /** Of an ensemble its members, each judged on what it has not seen itself. */
  readonly judged: readonly WrittenArtifact[];
  readonly histories: readonly History[];
  /** Taken into use however it is judged. */
  readonly force: boolean;
  /** By this share its mean Brier score may be above that of the one in use; default 0. */
  readonly lossMax?: number;
  readonly author: Author;
  readonly signal?: AbortSignal;
}

export interface Introduced {
  readonly adoption: Adoption;
  readonly inUse: boolean;
}

export function registryOf({ dir, keep }: Introduction['model']): Registry {
  return new Registry(dir, keep, wallClock);
}

/** Notes what was written, and takes it into use unless it is worse than what is in use (see decideAdoption). */
export async function introduce(introduction: Introduction): Promise<Introduced> {
  const { model, type, version, judged, force, author } = introduction;
  const registry = registryOf(model);
  const members = judged.map((member) => member.version).filter((member) => member !== version);
  // What is too much may be deleted when they are noted, members among it: not before they are judged.
  const adoption = await judge(introduction).finally(() =>
    registry.added(type.name, [...members, version], author),
  );
  const inUse = adoption.adopt || force;
  const why = [author.why, adoptionReason(adoption, force)].filter((part) => part !== '').join('; ');
  if (inUse) await registry.takeIntoUse(type.name, version, { ...author, why });
  else await registry.refused(type.name, version, { ...author, why });
  return { adoption, inUse };
}

/** As `introduce` where `use` is true; else the version is noted, and what is in use stays. */
export async function enter(use: boolean, introduction: Introduction): Promise<Introduced | undefined> {
  if (use) return introduce(introduction);
  const { model, type, version, author } = introduction;
  await registryOf(model).added(type.name, [version], author);
  return undefined;
}

async function judge({ model, type, histories, judged, lossMax, signal }: Introduction): Promise<Adoption> {
  const engine = new OnnxEngine();
  try {
    return await decideAdoption({
      engine,
      spec: featureSpec(type),
      histories,
      candidates: judged,
      currentDirectory: await currentVersionFolder(model.dir, type.name),
      ...(lossMax === undefined ? {} : { lossMax }),
      ...(signal ? { signal } : {}),
    });
  } finally {
    await engine.close();
  }
}
