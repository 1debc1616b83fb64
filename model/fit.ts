/** Whether a model's features are a machine type's features. */
import type { FeatureSpec } from '../domain/features.js';

/**
 * undefined when they fit; else a clause that names the first difference. `have` is the model's, `want` the machine
 * type's; `names` says what to call them.
 */
export function checkFits(
  have: FeatureSpec,
  want: FeatureSpec,
  names: { readonly have: string; readonly want: string } = { have: 'the model', want: 'the machine type' },
): string | undefined {
  const differ = (what: string, mine: string, other: string) =>
    `${what} is ${mine} in ${names.have}, ${other} in ${names.want}`;
  if (have.machineType !== want.machineType)
    return differ('the machine type', `"${have.machineType}"`, `"${want.machineType}"`);
  const count = Math.max(have.names.length, want.names.length);
  for (let column = 0; column < count; column++) {
    const mine = have.names[column];
    const other = want.names[column];
    if (mine === undefined)
      return `feature ${column} "${other}" of ${names.want} is missing in ${names.have}`;
    if (other === undefined)
      return `feature ${column} "${mine}" of ${names.have} is missing in ${names.want}`;
    if (mine !== other) return differ(`feature ${column}`, `"${mine}"`, `"${other}"`);
    if (have.units[column] !== want.units[column])
      return differ(`the unit of feature "${mine}"`, `"${have.units[column]}"`, `"${want.units[column]}"`);
  }
  const settings = (spec: FeatureSpec) =>
    spec.settingColumns.map((column) => `"${spec.names[column]}"`).join(', ') || 'none';
  if (have.settingColumns.join() !== want.settingColumns.join())
    return differ('the list of operating settings', settings(have), settings(want));
  // A model that does not look at the plan fits whatever is planned.
  if (have.plannedVisits && have.plannedVisits.everySteps !== want.plannedVisits?.everySteps)
    return differ(
      'the cadence of planned visits',
      `every ${have.plannedVisits.everySteps} steps`,
      want.plannedVisits ? `every ${want.plannedVisits.everySteps} steps` : 'not told',
    );
  for (const size of ['windowSteps', 'contextSteps', 'horizonSteps'] as const)
    if (have[size] !== want[size]) return differ(size, String(have[size]), String(want[size]));
  return undefined;
}
