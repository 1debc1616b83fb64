/** How often a fleet is maintained, read from its past. */
import { UserError } from '../../domain/errors.js';
import type { FeatureSpec, History } from '../../domain/features.js';

/** The commonest number of steps from one maintenance of a machine, of any kind, to its next; of equally common ones the least. */
export function visitCadence({ names }: FeatureSpec, histories: readonly History[]): number {
  const columns = names.flatMap((name, column) => (name.startsWith('since.') ? [column] : []));
  const counts = new Map<number, number>();
  for (const { rows, stepCount } of histories) {
    let last: number | undefined;
    for (let step = 0; step < stepCount; step++) {
      if (!columns.some((column) => rows[step * names.length + column] === 0)) continue;
      if (last !== undefined) counts.set(step - last, (counts.get(step - last) ?? 0) + 1);
      last = step;
    }
  }
  const [commonest] = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  if (!commonest || commonest[0] < 2)
    throw new UserError(
      'No machine was maintained twice, two days or more apart, in the days of training, so its plan cannot be carried on. Train until a later day, or leave out --known-plan.',
    );
  return commonest[0];
}
