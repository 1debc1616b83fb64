/**
 * The repairs that answered a confirmed alert. Whether the machine would have failed without one nobody can know: what is known of it for
 * forecasts made before ends there (it is censored), where a machine that is merely serviced counts as having run on.
 */
import { readAlertId } from '../domain/alert.js';
import type { EventRecord } from '../domain/input.js';

interface Told {
  readonly maintenanceMs: number[];
  /** By alert, what was said of it last. */
  readonly said: Map<string, { readonly verdict: string; readonly saidMs: number }>;
}

export class ConfirmedRepairs {
  readonly #machines = new Map<string, Told>();

  /** Takes events in the order of the log; others than maintenance and feedback have no effect. */
  add({ event, machine, code: verdict, alert, eventTimeMs }: EventRecord): void {
    if (event === 'maintenance') this.#of(machine).maintenanceMs.push(eventTimeMs);
    if (event !== 'feedback' || alert === undefined) return;
    const { said } = this.#of(machine);
    if (eventTimeMs >= (said.get(alert)?.saidMs ?? -Infinity))
      said.set(alert, { verdict, saidMs: eventTimeMs });
  }

  /**
   * Times, ascending: for each alert of the machine whose feedback is `true`, the first maintenance after it arose, if that
   * was at most `withinMs` later and no failure came before it.
   */
  timesOf(machine: string, failuresMs: readonly number[], withinMs: number): number[] {
    const told = this.#machines.get(machine);
    if (!told) return [];
    const repairs = new Set<number>();
    for (const [alertId, { verdict }] of told.said) {
      const sinceMs = readAlertId(alertId)?.sinceMs;
      if (verdict !== 'true' || sinceMs === undefined) continue;
      const repairMs = Math.min(...told.maintenanceMs.filter((timeMs) => timeMs >= sinceMs));
      const failed = failuresMs.some((timeMs) => timeMs >= sinceMs && timeMs <= repairMs);
      if (repairMs - sinceMs <= withinMs && !failed) repairs.add(repairMs);
    }
    return [...repairs].sort((a, b) => a - b);
  }

  #of(machine: string): Told {
    let told = this.#machines.get(machine);
    if (!told) {
      told = { maintenanceMs: [], said: new Map() };
      this.#machines.set(machine, told);
    }
    return told;
  }
}
