import { conditionText } from '../alerts/condition.js';
import { bindRules } from '../alerts/rule.js';
import type { MachineType } from '../domain/machine-type.js';
import type { DeploymentConfig } from './config.js';

export interface RuleInForce {
  readonly name: string;
  /** Machine types that it is for. */
  readonly types: readonly string[];
  readonly condition: string;
  /** With their thresholds, to set and to reset. */
  readonly severities: string;
  /** Another for every change of the rule. */
  readonly version: string;
}

/** Each rule once, and as each of its overrides has it, with the types that it is for. */
export function rulesInForce(
  config: DeploymentConfig['alerts'],
  types: readonly MachineType[],
): readonly RuleInForce[] {
  const rules = new Map<string, RuleInForce & { readonly types: string[] }>();
  for (const [type, bound] of bindRules(config, types))
    for (const { name, condition, severities, version } of bound) {
      const known = rules.get(name + version);
      if (known) known.types.push(type);
      else
        rules.set(name + version, {
          name,
          types: [type],
          condition: conditionText(condition),
          severities: severities.map((level) => `${level.name} ${level.set}/${level.reset}`).join(', '),
          version,
        });
    }
  return [...rules.values()];
}
