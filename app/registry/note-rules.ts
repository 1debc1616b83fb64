/** Alert rules are changed in files, by whoever edits them: that they are others than before is seen when a pipeline starts. */
import { createHash } from 'node:crypto';
import type { Clock } from '../../domain/clock.js';
import type { Deployment } from '../config.js';
import { operatorName } from '../operator.js';
import { type RuleInForce, rulesInForce } from '../rules-in-force.js';
import { appendAudit, type RulesEntry, readAudit } from './audit-log.js';
import { whileLocked } from './while-locked.js';

/**
 * Adds an entry to the audit log where the rules are not those of the last one; gives it, or undefined where nothing has changed. Rejects
 * with UserError or WorldError where the log cannot be read or written.
 */
export async function noteRules(
  { config, types }: Deployment,
  clock: Clock,
): Promise<RulesEntry | undefined> {
  const { dir } = config.model;
  const rules = rulesInForce(config.alerts, [...types.values()]);
  const hash = createHash('sha256').update(JSON.stringify(rules)).digest('hex');
  if ((await lastRules(dir))?.hash === hash) return undefined;
  return whileLocked(dir, async () => {
    // Another process of the plant may have started at the same time.
    const before = await lastRules(dir);
    if (before?.hash === hash) return undefined;
    const entry: RulesEntry = {
      timeMs: clock.nowMs(),
      by: operatorName(),
      via: 'run',
      why: before ? '' : 'the first that are on record',
      action: 'rules',
      hash,
      changes: describeChanges(before?.rules ?? [], rules),
      rules: rules.map((rule) => ({ ...rule, types: [...rule.types] })),
    };
    await appendAudit(dir, entry);
    return entry;
  });
}

async function lastRules(modelDir: string): Promise<RulesEntry | undefined> {
  const { entries } = await readAudit(modelDir);
  return entries.findLast((entry): entry is RulesEntry => entry.action === 'rules');
}

/** A rule that differs from type to type is several here: those of its versions that are gone, and those that came. */
function describeChanges(before: readonly RuleInForce[], now: readonly RuleInForce[]): string[] {
  const text = ({ name, types, condition, severities, version }: RuleInForce) =>
    `${name} for ${types.join(', ')}: ${condition}, ${severities} (version ${version})`;
  const [old, present] = [new Set(before.map(text)), new Set(now.map(text))];
  return [
    ...[...old].filter((rule) => !present.has(rule)).map((rule) => `no more: ${rule}`),
    ...[...present].filter((rule) => !old.has(rule)).map((rule) => `now: ${rule}`),
  ];
}
