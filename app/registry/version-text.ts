/** Versions and the audit log as people read them. */
import { trainingConfigSchema } from '../../model/config.js';
import { formatBytes, formatCounted, formatNumber, formatTime } from '../terminal/format.js';
import { formatTable } from '../terminal/table.js';
import type { AuditEntry, VersionEntry } from './audit-log.js';
import type { RegisteredVersion } from './registry.js';
import type { VersionDiff } from './version-diff.js';

export function formatVersions(versions: readonly RegisteredVersion[]): string {
  if (versions.length === 0) return 'There is no version yet: train one (millwright train).';
  const columns = ['version', 'type', 'of', 'state', 'since', 'data until', 'mean Brier', 'made from'];
  const rows = versions.map(({ version, type, kind, state, since, artifact, fault }) => [
    version,
    type,
    kind,
    fault === undefined ? state : `${state}, damaged`,
    since ? formatTime(since.timeMs) : '',
    dayText(artifact?.lineage?.data?.lastMs),
    formatNumber(artifact?.metrics.validationMeanBrier ?? Number.NaN),
    (artifact?.lineage?.parents ?? []).map((parent) => parent.version).join(', '),
  ]);
  return formatTable(
    columns.map((title) => ({ title, ...(title === 'mean Brier' ? { align: 'right' as const } : {}) })),
    rows,
  );
}

/** `history`: what the audit log tells of it. */
export function formatVersion(found: RegisteredVersion, history: readonly VersionEntry[]): string {
  const { version, type, kind, state, directory, artifact, fault } = found;
  const lines = [`${version}: ${state}, forecasts ${kind} of ${type}`, `  ${directory}`];
  if (fault !== undefined) lines.push(`  ${fault}`);
  if (artifact) {
    const { lineage, metrics, hashes, codeVersion, model } = artifact;
    const facts: [string, string][] = [
      ['data', dataText(found)],
      ['settings', settingsText(found)],
      ['made from', (lineage?.parents ?? []).map((each) => `${each.version} (${each.as})`).join(', ')],
      ['weights from', lineage?.source ?? ''],
      ['validation', scoreText(metrics)],
      ['code', `Millwright ${codeVersion}`],
      ['size', formatBytes(model.length)],
      ...Object.entries(hashes).map(([file, hash]): [string, string] => [file, `sha256 ${hash}`]),
    ];
    const width = Math.max(...facts.map(([name]) => name.length));
    for (const [name, text] of facts) if (text !== '') lines.push(`  ${name.padEnd(width)}  ${text}`);
  }
  return [...lines, ...history.map((entry) => `  ${entryText(entry)}`)].join('\n');
}

export function formatDiff({ a, b, differences }: VersionDiff): string {
  if (differences.length === 0) return `${a} and ${b} differ in nothing that their folders tell of.`;
  return formatTable(
    [{ title: '' }, { title: a }, { title: b }],
    differences.map((each) => [each.what, valueText(each.what, each.a), valueText(each.what, each.b)]),
  );
}

export function formatAudit(entries: readonly AuditEntry[]): string {
  return entries.length === 0 ? 'Nothing has been changed yet.' : entries.map(entryText).join('\n');
}

function entryText(entry: AuditEntry): string {
  const head = `${formatTime(entry.timeMs)}  ${authorText(entry)}`;
  if (entry.action === 'rules') return [head, ...entry.changes.map((change) => `  ${change}`)].join('\n');
  return head;
}

function authorText(entry: AuditEntry): string {
  const { by, via, why } = entry;
  return `${deedText(entry)} by ${by} (${via})${why === '' ? '' : `: ${why}`}`;
}

function deedText(entry: AuditEntry): string {
  if (entry.action === 'rules') return 'alert rules changed, seen';
  const { action, type, version, before } = entry;
  const deeds = {
    add: 'written',
    promote: 'taken into use',
    rollback: 'taken into use again',
    refuse: 'not taken into use',
    retire: 'retired',
    remove: 'deleted',
    shadow: 'scores in the shadow',
  } as const;
  return `${version} (${type}) ${deeds[action]}${typeof before === 'string' ? ` in place of ${before}` : ''}`;
}

function dayText(timeMs: number | undefined): string {
  return timeMs === undefined ? '' : new Date(timeMs).toISOString().slice(0, 10);
}

function dataText({ artifact }: RegisteredVersion): string {
  const data = artifact?.lineage?.data;
  if (!data) return '';
  return `${formatCounted(data.machineCount, 'machine')}, ${dayText(data.firstMs)} to ${dayText(data.lastMs)}, sha256 ${data.hash}`;
}

/** Those that are not as by default. */
function settingsText({ artifact }: RegisteredVersion): string {
  const { config, seed } = artifact?.lineage ?? {};
  if (!config) return '';
  const defaults: Readonly<Record<string, unknown>> = trainingConfigSchema.parse({});
  const changed = Object.entries(config).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(defaults[name]),
  );
  const named = changed.map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return [...(seed === undefined ? [] : [`seed ${seed}`]), ...named].join(', ') || 'the defaults';
}

function scoreText({
  validationMeanBrier,
  validationMachineCount,
}: {
  validationMeanBrier?: number;
  validationMachineCount: number;
}): string {
  return typeof validationMeanBrier === 'number'
    ? `mean Brier ${formatNumber(validationMeanBrier)} on ${formatCounted(validationMachineCount, 'machine')}`
    : '';
}

function valueText(what: string, value: unknown): string {
  if (value === null) return '–';
  if (what.startsWith('hashes.') || what === 'data.hash') return `${String(value).slice(0, 12)}…`;
  if (what === 'data.firstMs' || what === 'data.lastMs') return dayText(value as number);
  if (typeof value === 'number') return formatNumber(value);
  return typeof value === 'string' ? value : value === true ? 'yes' : JSON.stringify(value);
}
