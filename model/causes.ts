/** Which causes of failure have a hazard of their own: those that failures on record name. */
import { UserError } from '../domain/errors.js';
import type { FeatureSpec, History } from '../domain/features.js';
import { maintenanceColumns } from './known-future.js';

export interface Causes {
  /** Of eventCauses. */
  readonly bits: readonly number[];
  /** Of the features: steps since the maintenance of each cause. */
  readonly columns: readonly number[];
}

/** Throws UserError where a failure does not say which kind of maintenance it asks for: no hazard would know of it. */
export function causesOf(spec: FeatureSpec, histories: readonly History[]): Causes {
  let seen = 0;
  for (const { machine, eventDay, eventCauses } of histories)
    eventDay.forEach((day, step) => {
      const causes = eventCauses?.[step] ?? 0;
      if (day > 0 && causes === 0)
        throw new UserError(
          `byCause: a failure of ${machine} has no code that is one of the machine type's maintenanceKinds, so its cause is not known. Give every failure such a code, or set \`byCause: false\`.`,
        );
      seen |= causes;
    });
  const bits = maintenanceColumns(spec).flatMap((_, bit) => ((seen >>> bit) & 1 ? [bit] : []));
  return { bits, columns: bits.map((bit) => maintenanceColumns(spec)[bit] as number) };
}
