/** An alert from leaving inactive to resolved, and the record of each of its transitions. */
import type { AlertRecord } from '../domain/alert.js';

/** Who and where a machine is, as its records say. */
export interface Place {
  readonly machine: string;
  readonly type: string;
  readonly site: string;
  readonly line: string;
}

export interface Episode {
  readonly sinceMs: number;
  /** Of the next record. */
  readonly sequence: number;
  /** Of the newest record; never goes back within an episode. */
  readonly timeMs: number;
  readonly everFired: boolean;
  /** Has fired or could not be assessed: people may have been told, so that its end is told too. */
  readonly everTold: boolean;
  /** Last told as firing; '' when it is not. Behind a gap a judgement can change without being told. */
  readonly toldSeverity: string;
  /** Since when the severity has been what it is; null: it has not fired. */
  readonly severitySinceMs: number | null;
  readonly acknowledgedBy: string;
  readonly comment: string;
  readonly assignedTo?: string;
}

export const alertIdOf = (rule: string, place: Place, episode: Episode): string =>
  `${rule}/${place.machine}/${episode.sinceMs}`;

type Told =
  | 'state'
  | 'severity'
  | 'transition'
  | 'reason'
  | 'timeMs'
  | 'acknowledgedBy'
  | 'assignedTo'
  | 'by'
  | 'value'
  | 'summary'
  | 'trace';

/** Fields stand in one order, so that the same transition has the same bytes. */
export function recordOf(
  rule: string,
  place: Place,
  episode: Episode,
  told: Pick<AlertRecord, Told>,
): AlertRecord {
  const alertId = alertIdOf(rule, place, episode);
  return {
    kind: 'alert',
    alertId,
    dedupeKey: `${alertId}/${episode.sequence}`,
    sequence: episode.sequence,
    rule,
    machine: place.machine,
    type: place.type,
    site: place.site,
    line: place.line,
    state: told.state,
    severity: told.severity,
    transition: told.transition,
    reason: told.reason,
    timeMs: told.timeMs,
    sinceMs: episode.sinceMs,
    acknowledgedBy: told.acknowledgedBy,
    value: told.value,
    summary: told.summary,
    trace: told.trace,
    ...(told.assignedTo && { assignedTo: told.assignedTo }),
    ...(told.by && { by: told.by }),
  };
}
