/** Whether a model's features are a machine type's features. */
import type { FeatureSpec } from '../domain/features.js';

/** undefined when they fit; else a sentence that names the first difference. `have` is the model's. */
export function checkFits(have: FeatureSpec, want: FeatureSpec): string | undefined {
  if (have.machineType !== want.machineType)
    return `the model is for machine type "${have.machineType}", wanted "${want.machineType}"`;
  const count = Math.max(have.names.length, want.names.length);
  for (let column = 0; column < count; column++) {
    const [mine, other] = [have.names[column], want.names[column]];
    if (mine === undefined) return `feature ${column} "${other}" is unknown to the model, which has ${have.names.length}`;
    if (other === undefined) return `the model also wants feature ${column} "${mine}", the machine type has ${want.names.length}`;
    if (mine !== other) return `feature ${column} is "${mine}" in the model, "${other}" in the machine type`;
    if (have.units[column] !== want.units[column])
      return `the unit of feature "${mine}" is "${have.units[column]}" in the model, "${want.units[column]}" in the machine type`;
  }
  if (have.settingColumns.join() !== want.settingColumns.join()) {
    const names = (spec: FeatureSpec) => spec.settingColumns.map((column) => spec.names[column]).join(', ') || 'none';
    return `the operating settings are ${names(have)} in the model, ${names(want)} in the machine type`;
  }
  for (const size of ['windowSteps', 'contextSteps', 'horizonSteps'] as const)
    if (have[size] !== want[size]) return `${size} is ${have[size]} in the model, ${want[size]} in the machine type`;
  return undefined;
}
