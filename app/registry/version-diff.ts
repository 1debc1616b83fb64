/** In what two versions differ, as far as their folders tell. */
import type { ReadArtifact } from '../../model/artifact.js';
import type { RegisteredVersion } from './registry.js';

export interface Difference {
  /** Such as `config.hiddenSize` or `data.lastMs`. */
  readonly what: string;
  /** null: not there, or not known. */
  readonly a: unknown;
  readonly b: unknown;
}

export interface VersionDiff {
  readonly a: string;
  readonly b: string;
  readonly differences: readonly Difference[];
}

/** Both must have been read. */
export function diffVersions(a: RegisteredVersion, b: RegisteredVersion): VersionDiff {
  const [ofA, ofB] = [a, b].map(describe) as [Facts, Facts];
  const names = new Set([...Object.keys(ofA), ...Object.keys(ofB)]);
  const differences = [...names]
    .map((what) => ({ what, a: ofA[what] ?? null, b: ofB[what] ?? null }))
    .filter((each) => JSON.stringify(each.a) !== JSON.stringify(each.b));
  return { a: a.version, b: b.version, differences };
}

type Facts = Readonly<Record<string, unknown>>;

function describe({ type, state, artifact }: RegisteredVersion): Facts {
  if (!artifact) return { type, state };
  const { codeVersion, lineage, preprocessing, metrics, hashes } = artifact;
  return {
    type,
    state,
    codeVersion,
    ...under('data', lineage?.data),
    ...under('config', lineage?.config),
    seed: lineage?.seed,
    source: lineage?.source,
    parents: lineage?.parents.map(({ version, as }) => `${version} (${as})`).join(', ') || undefined,
    ...features(preprocessing.spec.names),
    ...scalars('metrics', metrics),
    ...under('hashes', { model: hashes['model.onnx'], preprocessing: hashes['preprocessing.json'] }),
  };
}

/** A feature that only one of them has is a difference of its own. */
function features(names: ReadArtifact['preprocessing']['spec']['names']): Facts {
  return Object.fromEntries(names.map((name) => [`feature ${name}`, true]));
}

function under(prefix: string, facts: object | undefined): Facts {
  return Object.fromEntries(Object.entries(facts ?? {}).map(([name, value]) => [`${prefix}.${name}`, value]));
}

/** Scores and counts: lists of days and of machines are for `model show`. */
function scalars(prefix: string, facts: object): Facts {
  return Object.fromEntries(
    Object.entries(under(prefix, facts)).filter(([, value]) => typeof value === 'number'),
  );
}
