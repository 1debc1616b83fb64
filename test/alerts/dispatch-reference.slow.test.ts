// Goal: what every receiver is told is, notification by notification, what a plain second telling says that goes through the whole
// history again at each tick.
// Method: fast-check makes histories of alerts, silences, time and restarts, by rules with groups, storms, repetition, mute times,
// maintenance windows, inhibition, and routes between which alerts move.
import assert from 'node:assert/strict';
import type { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AlertsConfigInput, alertsConfigSchema } from '../../alerts/config.js';
import { makeDispatchStage } from '../../alerts/dispatch-stage.js';
import type { AlertRecord } from '../../domain/alert.js';
import type { SilenceRecord } from '../../domain/silence.js';
import { decodeRecord, encodeRecord, topics } from '../../domain/topics.js';
import { alertOf } from './delivery-yard.js';
import {
  type Happened,
  type PlainRoute,
  type PlainRules,
  type PlainTelling,
  tellAtTick,
} from './dispatch-reference.js';

const histories = Number(process.env.DISPATCH_HISTORIES ?? 10_000);
const hourMs = 3_600_000;
const startMs = Date.UTC(2026, 2, 1);
const hourOf = (timeMs: number): number => new Date(timeMs).getUTCHours();
const isNight = (timeMs: number): boolean => hourOf(timeMs) >= 22 || hourOf(timeMs) < 6;
const isNoon = (timeMs: number): boolean => hourOf(timeMs) === 12;
const hours = (count: number): string => `${count}h`;

const listed = ['fired', 'raised', 'lowered', 'resolved', 'not-assessable', 'assessable', 'acknowledged'];

/** Each route twice: for the reference, and as the file would have it. */
const told: readonly (Omit<
  PlainRoute,
  'id' | 'waitMs' | 'intervalMs' | 'repeatMs' | 'storm' | 'transitions'
> & {
  readonly waitHours?: number;
  readonly intervalHours?: number;
  readonly repeatHours?: number;
  readonly storm?: { readonly above: number; readonly hours: number };
  readonly transitions?: readonly string[];
  readonly written: object;
})[] = [
  { notifier: 'each', repeatHours: 7, written: {} },
  { notifier: 'severe', minSeverity: 'critical', written: { minSeverity: 'critical' } },
  {
    notifier: 'lines',
    groupOf: ({ line }) => ({ line }),
    waitHours: 3,
    intervalHours: 8,
    written: { groupBy: ['line'] },
  },
  {
    notifier: 'insistent',
    groupOf: () => ({}),
    waitHours: 1,
    intervalHours: 1,
    repeatHours: 18,
    transitions: ['raised', 'resolved'],
    written: { groupBy: [] },
  },
  { notifier: 'storms', storm: { above: 2, hours: 5 }, repeatHours: 9, written: {} },
  {
    notifier: 'by-day',
    groupOf: ({ machine }) => ({ machine }),
    isMuted: isNight,
    repeatHours: 6,
    written: { groupBy: ['machine'], muteTimes: ['night'] },
  },
  {
    notifier: 'moved',
    fits: ({ severity }) => severity === 'warning',
    groupOf: ({ line }) => ({ line }),
    waitHours: 2,
    intervalHours: 4,
    repeatHours: 12,
    written: { match: ['severity=warning'], groupBy: ['line'] },
  },
  {
    notifier: 'moved',
    fits: ({ severity, state }) => severity === 'critical' && state !== 'not-assessable',
    repeatHours: 5,
    written: { match: ['severity=critical', 'state!=not-assessable'] },
  },
];

const config: AlertsConfigInput = {
  severities: ['info', 'warning', 'critical'],
  notifiers: [...new Set(told.map(({ notifier }) => notifier))].map((name) => ({
    kind: 'webhook',
    name,
    url: 'http://host/x',
  })),
  timeIntervals: [
    {
      name: 'night',
      intervals: [
        {
          times: [
            { start: '22:00', end: '24:00' },
            { start: '00:00', end: '06:00' },
          ],
        },
      ],
    },
    { name: 'noon', intervals: [{ times: [{ start: '12:00', end: '13:00' }] }] },
  ],
  maintenanceWindows: [{ name: 'lunch', match: ['line=cold'], times: ['noon'] }],
  inhibit: [
    { source: ['machine=~.*-line', 'severity=critical'], target: ['machine!~.*-line'], equal: ['line'] },
    { source: ['severity=critical'], target: ['machine=~a|b'], equal: ['line', 'type'] },
  ],
  routes: told.map(({ notifier, waitHours, intervalHours, repeatHours, storm, transitions, written }) => ({
    notifiers: [notifier],
    groupWait: hours(waitHours ?? 0),
    groupInterval: hours(intervalHours ?? 0),
    repeatInterval: repeatHours === undefined ? 'never' : hours(repeatHours),
    ...(storm ? { storm: { above: storm.above, interval: hours(storm.hours) } } : {}),
    ...(transitions ? { transitions } : {}),
    ...written,
  })) as NonNullable<AlertsConfigInput['routes']>,
};

const isLine = ({ machine }: AlertRecord): boolean => machine.endsWith('-line');
const silenced: Readonly<Record<string, (alert: AlertRecord) => boolean>> = {
  'line=hot': ({ line }) => line === 'hot',
  'machine=a': ({ machine }) => machine === 'a',
  'severity=warning': ({ severity }) => severity === 'warning',
  'machine!=b': ({ machine }) => machine !== 'b',
};
const rules: PlainRules = {
  routes: told.map(
    ({ waitHours, intervalHours, repeatHours, storm, transitions, written, ...route }, index) => ({
      ...route,
      id: String(index),
      transitions: transitions ?? listed,
      waitMs: (waitHours ?? 0) * hourMs,
      intervalMs: (intervalHours ?? 0) * hourMs,
      repeatMs: (repeatHours ?? Infinity) * hourMs,
      storm: { above: storm?.above ?? 20, intervalMs: (storm?.hours ?? 0) * hourMs },
    }),
  ),
  inhibits: (by, other) =>
    by.line === other.line &&
    by.severity === 'critical' &&
    ((isLine(by) && !isLine(other)) || (/^[ab]$/.test(other.machine) && !bothFitBoth(by, other))),
  isSilenced: (alert, { matchers }) => matchers.every((matcher) => silenced[matcher]?.(alert)),
  isInMaintenance: ({ line }, timeMs) => line === 'cold' && isNoon(timeMs),
};
/** Two that could mute each other do not. */
function bothFitBoth(by: AlertRecord, other: AlertRecord): boolean {
  return other.severity === 'critical' && /^[ab]$/.test(by.machine);
}

const places = [
  { machine: 'a', line: 'hot' },
  { machine: 'b', line: 'hot' },
  { machine: 'hot-line', line: 'hot' },
  { machine: 'c', line: 'cold' },
  { machine: 'd', line: 'cold' },
];
const happening = fc.record({
  what: fc.constantFrom('alerts', 'alerts', 'alerts', 'silence', 'due', 'due', 'time'),
  /** Hours until it happens. */
  after: fc.constantFrom(0, 0, 0.01, 0.5, 1, 5, 13, 40),
  changes: fc.array(
    fc.record({
      place: fc.constantFrom(...places),
      to: fc.constantFrom(
        ...(['raised', 'lowered', 'resolved', 'resolved', 'acknowledged', 'amended'] as const),
        ...(['not-assessable', 'pending'] as const),
      ),
      begins: fc.constantFrom('warning', 'warning', 'critical', 'pending'),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  silence: fc.record({
    id: fc.constantFrom('s1', 's2'),
    matcher: fc.constantFrom(...Object.keys(silenced)),
    in: fc.constantFrom(0, 0, 3),
    length: fc.constantFrom(0, 1, 8, 30),
  }),
  restart: fc.nat(7).map((number) => number === 0),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** The alert of a machine after a change, or its next one. */
function changed(
  before: AlertRecord | undefined,
  { place, to, begins }: Happening['changes'][number],
  timeMs: number,
  count: number,
): AlertRecord {
  const at = { ...place, timeMs, summary: String(count) };
  if (!before || before.state === 'resolved') {
    const state = begins === 'pending' ? 'pending' : 'firing';
    const transition = state === 'pending' ? 'pending' : 'fired';
    const severity = begins === 'critical' ? 'critical' : 'warning';
    return alertOf(0, { ...at, alertId: `near/${place.machine}/${count}`, state, severity, transition });
  }
  const { alertId, sequence } = before;
  const state = { resolved: 'resolved', 'not-assessable': 'not-assessable', pending: 'pending' } as const;
  return alertOf(sequence + 1, {
    ...at,
    alertId,
    state: to === 'acknowledged' || to === 'amended' ? before.state : (state[to as 'pending'] ?? 'firing'),
    severity: to === 'raised' ? 'critical' : to === 'lowered' ? 'warning' : before.severity,
    transition: to === 'pending' ? 'lowered' : to,
    acknowledgedBy: to === 'acknowledged' ? 'kim' : to === 'raised' ? '' : before.acknowledgedBy,
  });
}

type Incoming = Exclude<Happened, { kind: 'told' | 'held' | 'dropped' | 'all-told' | 'repeated' | 'storm' }>;

/** The dispatch stage, with what a restart leaves. */
class Stage {
  dueMs = Number.POSITIVE_INFINITY;
  readonly #state = new Map<string, Buffer>();
  readonly #make = makeDispatchStage({
    config: alertsConfigSchema.parse(config),
    timeZone: 'UTC',
    onDue: (dueMs) => {
      this.dueMs = dueMs;
    },
  });
  #handler = this.#make();
  #offset = 0;

  /** What is told at the tick with which the batch begins. */
  async push(batch: readonly Incoming[]): Promise<PlainTelling[]> {
    const records = batch.map((it) => ({
      ...encodeRecord(
        topics.dispatch,
        0,
        it.kind === 'tick' ? it : it.kind === 'alert' ? it.alert : it.silence,
      ),
      offset: this.#offset++,
    }));
    const checkpoint = await this.#handler.process({ topic: topics.dispatch, partition: 0, records });
    assert.ok(checkpoint);
    for (const { key, value } of checkpoint.state)
      if (value === null) this.#state.delete(key);
      else this.#state.set(key, value);
    return checkpoint.outputs.map((output, offset) => {
      const found = decodeRecord(topics.notifications, { ...output, offset });
      const { notifier, timeMs, reason, group, alerts, changed, omitted } = found;
      assert.equal(omitted, 0);
      return { notifier, timeMs, reason, group, alerts: alerts.map(({ dedupeKey }) => dedupeKey), changed };
    });
  }

  restart(): void {
    this.#handler = this.#make();
    this.#handler.restore([...this.#state].map(([key, value]) => ({ key, value })).reverse());
  }
}

test(`${histories} random histories: every notification is that of a plain second telling`, async (t) => {
  const seen: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 1, maxLength: 20 }), async (happenings) => {
      const stage = new Stage();
      const history: Happened[] = [];
      const newest = new Map<string, AlertRecord>();
      let timeMs = startMs;
      for (const [count, it] of happenings.entries()) {
        if (it.what !== 'due') timeMs += Math.round(it.after * hourMs);
        else if (stage.dueMs !== Number.POSITIVE_INFINITY) timeMs = Math.max(timeMs, stage.dueMs);
        const batch: Incoming[] = [{ kind: 'tick', timeMs }];
        if (it.what === 'alerts')
          for (const change of it.changes) {
            const alert = changed(newest.get(change.place.machine), change, timeMs, count);
            newest.set(change.place.machine, alert);
            batch.push({ kind: 'alert', alert });
          }
        if (it.what === 'silence') batch.push({ kind: 'silence', silence: silenceOf(it.silence, timeMs) });
        const found = await stage.push(batch);
        history.push({ kind: 'tick', timeMs });
        const { tellings, done } = tellAtTick(rules, history);
        assert.deepEqual(found, tellings, `at ${(timeMs - startMs) / hourMs} h`);
        history.push(...done, ...batch.slice(1));
        for (const { notifier, reason } of tellings)
          seen[`${notifier} ${reason}`] = (seen[`${notifier} ${reason}`] ?? 0) + 1;
        for (const { kind } of done) seen[kind] = (seen[kind] ?? 0) + 1;
        if (it.restart) stage.restart();
      }
    }),
    { numRuns: histories, seed: Number(process.env.DISPATCH_SEED ?? 20261123) },
  );
  t.diagnostic(JSON.stringify(seen));
  const everything = told.flatMap(({ notifier, repeatHours }) => [
    `${notifier} changed`,
    ...(repeatHours === undefined ? [] : [`${notifier} repeated`]),
  ]);
  for (const what of [...everything, 'held', 'dropped', 'storm'])
    assert.ok((seen[what] ?? 0) > histories / 50, `${what}: ${JSON.stringify(seen)}`);
});

function silenceOf(silence: Happening['silence'], timeMs: number): SilenceRecord {
  return {
    kind: 'silence',
    id: silence.id,
    matchers: [silence.matcher],
    startsMs: timeMs + silence.in * hourMs,
    endsMs: timeMs + (silence.in + silence.length) * hourMs,
    by: 'kim',
    comment: '',
  };
}
