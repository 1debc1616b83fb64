// Goal: over random histories of alerts, silences, inhibition and time every receiver is told what it must be, nothing that it
// must not be, and in the end knows how things stand; and restarts at any record change no byte of what is told or kept.
// Method: fast-check makes histories of machines on two lines; each promise is checked by itself, over all that was told.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AlertsConfigInput } from '../../alerts/config.js';
import type { SilenceInput, StoryInput, StoryPlant } from '../../app/rule-stories/story-plant.js';
import type { AlertRecord } from '../../domain/alert.js';
import type { NotificationRecord } from '../../domain/notification.js';
import { eventOf, forecastOf, plantOf, timeOf, twoLevels } from './story.js';

const histories = Number(process.env.DISPATCH_HISTORIES ?? 3000);
const hook = (name: string) => ({ kind: 'webhook', name, url: 'http://host/x' }) as const;

const config: AlertsConfigInput = {
  rules: [{ ...twoLevels, notAssessableAfter: '2d' }],
  notifiers: [hook('each'), hook('severe'), hook('lines'), hook('insistent')],
  inhibit: [
    { source: ['machine=~.*-line', 'severity=critical'], target: ['machine!~.*-line'], equal: ['line'] },
  ],
  routes: [
    { notifiers: ['each'] },
    { notifiers: ['severe'], minSeverity: 'critical' },
    { notifiers: ['lines'], groupBy: ['line'], groupWait: '3h', groupInterval: '8h' },
    { notifiers: ['insistent'], groupBy: [], groupWait: '1h', groupInterval: '1h', repeatInterval: '18h' },
  ],
};
const machines = [
  { machine: 'a', line: 'hot' },
  { machine: 'b', line: 'hot' },
  { machine: 'hot-line', line: 'hot' },
  { machine: 'c', line: 'cold' },
];

const happening = fc.record({
  what: fc.constantFrom(
    ...(['forecast', 'forecast', 'forecast', 'forecast', 'forecast', 'revision', 'tick', 'tick'] as const),
    ...(['silence', 'silence', 'failure', 'acknowledge', 'acknowledge'] as const),
  ),
  place: fc.constantFrom(...machines),
  p: fc.constantFrom(null, 0.1, 0.25, 0.4, 0.4, 0.7, 0.9, 0.9),
  /** Hours until it happens. */
  after: fc.constantFrom(0, 0, 1, 2, 4, 9, 24, 50),
  /** Hours. */
  length: fc.constantFrom(0, 1, 6, 30, 80),
  silenced: fc.constantFrom(...(['line=hot', 'machine=a', 'severity=warning', 'machine!=b'] as const)),
  id: fc.constantFrom('s1', 's2'),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** Inputs with the time at which they come; acknowledgements name an alert once there is one. */
async function tell(
  happenings: readonly Happening[],
  crashes: ReadonlySet<number>,
  given?: readonly StoryInput[],
): Promise<{ plant: StoryPlant; inputs: StoryInput[] }> {
  const plant = plantOf(config);
  const inputs: StoryInput[] = [];
  let hour = 24;
  let revision = 0;
  for (const [index, it] of happenings.entries()) {
    // A minute at least, so that what comes later has a later time.
    hour += it.after + 1 / 60;
    const day = hour / 24;
    const make = (): StoryInput => {
      switch (it.what) {
        case 'forecast':
          return forecastOf(day, it.p, it.place);
        case 'revision':
          return forecastOf(day, it.p, { ...it.place, revision: ++revision });
        case 'tick':
          return { kind: 'tick', timeMs: timeOf(day) };
        case 'silence':
          return {
            kind: 'silence',
            timeMs: timeOf(day),
            record: {
              kind: 'silence',
              id: it.id,
              matchers: [it.silenced],
              startsMs: timeOf(day),
              endsMs: timeOf(day + it.length / 24),
              by: 'kim',
              comment: '',
            },
          };
        case 'failure':
          return eventOf(day, 'failure', it.place);
        case 'acknowledge': {
          const alert = plant.alerts.findLast(({ machine }) => machine === it.place.machine);
          return eventOf(day, 'acknowledge', { ...it.place, code: alert?.alertId ?? 'none', by: 'kim' });
        }
      }
    };
    const made = make();
    const input = given?.[index] ?? made;
    inputs.push(input);
    await plant.push(input);
    if (crashes.has(index)) await plant.restart();
  }
  return { plant, inputs };
}

const hourMs = 3_600_000;
const bytes = (plant: StoryPlant): [string, string][] =>
  [...plant.dispatchState].map(([key, value]): [string, string] => [key, value.toString()]).sort();

/** What was told, without the keys of groups, which go by the number of a record: a restart brings a tick of its own. */
const noticesOf = ({ notified }: StoryPlant) =>
  notified.map(({ dedupeKey, group, ...rest }) => ({ ...rest, group, key: group ? '' : dedupeKey }));

const fits = {
  'line=hot': ({ line }: AlertRecord) => line === 'hot',
  'machine=a': ({ machine }: AlertRecord) => machine === 'a',
  'severity=warning': ({ severity }: AlertRecord) => severity === 'warning',
  'machine!=b': ({ machine }: AlertRecord) => machine !== 'b',
};

/** Silences that were made before a time and are in force at it: of those with the same id the one that was made last until then. */
function silencedAt(inputs: readonly StoryInput[], alert: AlertRecord, timeMs: number): boolean {
  const newest = new Map<string, SilenceInput>();
  for (const input of inputs)
    if (input.kind === 'silence' && input.timeMs < timeMs) newest.set(input.record.id, input);
  return [...newest.values()].some(
    ({ record: { endsMs, matchers } }) => timeMs < endsMs && fits[matchers[0] as keyof typeof fits](alert),
  );
}

const isLine = ({ machine }: AlertRecord): boolean => machine.endsWith('-line');

/** Checks what one receiver was told, in its order. */
function checkReceiver(
  name: string,
  notified: readonly NotificationRecord[],
  inputs: readonly StoryInput[],
): Map<string, AlertRecord> {
  const known = new Map<string, AlertRecord>();
  const keys = new Set<string>();
  const lastMs = new Map<string, number>();
  for (const { reason, group, timeMs, alerts, changed } of notified) {
    const where = `${name} at ${(timeMs - timeOf(0)) / hourMs} h`;
    assert.ok(alerts.length > 0, where);
    assert.equal(changed > 0, reason === 'changed', where);
    alerts.forEach((alert, index) => {
      const { alertId, dedupeKey, sequence, state, acknowledgedBy } = alert;
      const before = known.get(alertId);
      const over = state === 'resolved';
      if (index < changed) {
        assert.ok(!keys.has(dedupeKey), `${where}: ${dedupeKey} is told twice`);
        assert.ok(sequence > (before?.sequence ?? -1), `${where}: ${dedupeKey} is out of order`);
        if (over && group) assert.ok(before, `${where}: the end of ${alertId}, which was not told`);
      } else assert.ok(before && before.state !== 'resolved', `${where}: ${dedupeKey} is not news`);
      if (reason === 'repeated') assert.equal(acknowledgedBy, '', where);
      if (!over) assert.ok(!silencedAt(inputs, alert, timeMs), `${where}: ${dedupeKey} is silenced`);
      keys.add(dedupeKey);
      known.set(alertId, alert);
    });
    if (!group) continue;
    const sinceMs = timeMs - (lastMs.get(JSON.stringify(group)) ?? Number.NEGATIVE_INFINITY);
    const least = name === 'lines' ? 8 : reason === 'repeated' ? 18 : 1;
    assert.ok(sinceMs >= least * hourMs, `${where}: ${sinceMs / hourMs} h after the last`);
    // A group of which nothing is open any more is forgotten: the next alert begins a new one.
    if (alerts.every(({ state }) => state === 'resolved')) lastMs.delete(JSON.stringify(group));
    else lastMs.set(JSON.stringify(group), timeMs);
  }
  return known;
}

/** When all silences are over, who knows how things stand; the inhibited are not told. */
function checkEnd(
  name: string,
  known: ReadonlyMap<string, AlertRecord>,
  alerts: readonly AlertRecord[],
): void {
  const stands = new Map(alerts.map((alert) => [alert.alertId, alert]));
  const stopped = [...stands.values()].some(
    (alert) => isLine(alert) && alert.state === 'firing' && alert.severity === 'critical',
  );
  for (const [alertId, alert] of stands) {
    const heard = known.get(alertId);
    if (alert.state === 'resolved') {
      if (heard) assert.equal(heard.sequence, alert.sequence, `${name}: the end of ${alertId}`);
      continue;
    }
    if (alert.state === 'pending' || (stopped && !isLine(alert) && alert.line === 'hot')) continue;
    const severe = alerts.some(
      (one) => one.alertId === alertId && one.state !== 'pending' && one.severity === 'critical',
    );
    if (name === 'severe' && !severe) assert.equal(heard, undefined, alertId);
    else assert.equal(heard?.sequence, lastListed(alerts, alertId), `${name}: ${alertId}`);
  }
}

const lastListed = (alerts: readonly AlertRecord[], alertId: string): number | undefined =>
  alerts.findLast((alert) => alert.alertId === alertId && alert.transition !== 'amended')?.sequence;

test(`${histories} random histories: what must be told is, what must not be is not, also across restarts`, async (t) => {
  const seen = { repeated: 0, grouped: 0, single: 0, silences: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { minLength: 1, maxLength: 30 }),
      fc.uniqueArray(fc.nat(29), { maxLength: 4 }),
      async (happenings, crashes) => {
        const { plant, inputs } = await tell(happenings, new Set());
        const restarted = (await tell(happenings, new Set(crashes), inputs)).plant;
        assert.deepEqual(noticesOf(restarted), noticesOf(plant));
        assert.deepEqual(bytes(restarted), bytes(plant));
        // Until all is over that waits.
        for (const days of [5, 6, 7]) {
          const newestMs = Math.max(
            ...inputs.map((input) => (input.kind === 'tick' ? input.timeMs : 0)),
            timeOf(0),
          );
          await plant.push({
            kind: 'tick',
            timeMs: Math.max(newestMs, timeOf(1 + 31 * 3)) + days * 24 * hourMs,
          });
        }
        for (const { name } of config.notifiers ?? []) {
          const notified = plant.notified.filter(({ notifier }) => notifier === name);
          checkEnd(name, checkReceiver(name, notified, inputs), plant.alerts);
        }
        for (const { reason, group } of plant.notified) {
          if (reason === 'repeated') seen.repeated++;
          else if (group === null) seen.single++;
          else seen.grouped++;
        }
        seen.silences += inputs.filter(({ kind }) => kind === 'silence').length;
      },
    ),
    { numRuns: histories, seed: Number(process.env.DISPATCH_SEED ?? 20261123) },
  );
  t.diagnostic(JSON.stringify(seen));
  for (const count of Object.values(seen)) assert.ok(count > histories / 5, JSON.stringify(seen));
});
