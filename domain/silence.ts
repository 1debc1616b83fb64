/** A record of the topic `dispatch`: no news of some alerts for some time. The newest record of an id counts. */
export interface SilenceRecord {
  readonly kind: 'silence';
  readonly id: string;
  /** Such as `machine=~"press-.*"`: an alert that fits all of them is silenced. */
  readonly matchers: readonly string[];
  /** Plant time, `[startsMs, endsMs)`. */
  readonly startsMs: number;
  readonly endsMs: number;
  readonly by: string;
  readonly comment: string;
}
