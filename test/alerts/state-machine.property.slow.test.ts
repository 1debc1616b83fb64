// Goal: over random histories the stage says what a plain retelling of the whole history says, and restarts at any
// record change no byte of what is said or kept. Method: fast-check makes histories of two machines in one
// partition (mostly in order; revisions, repeats, stragglers, blind days, provisional forecasts, events on time and
// late, ticks at any spacing) and the records after which the stage is thrown away.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AlertsConfigInput, alertsConfigSchema } from '../../alerts/config.js';
import { bindRules } from '../../alerts/rule.js';
import type { StoryPlant } from '../../app/rule-stories/story-plant.js';
import { type PlainRecord, tellPlainly } from './reference.js';
import { dayMs, eventOf, forecastOf, type Input, plantOf, timeOf, turbine, twoLevels } from './story.js';

const histories = 10_000;

const config: AlertsConfigInput = {
  rules: [
    twoLevels,
    { ...twoLevels, name: 'patient', for: '2d', keepFiringFor: '2d', provisional: 'use', machines: 'unit-*' },
    { ...twoLevels, name: 'restless', holds: { times: 2, of: 4 }, flapping: { from: 0.2, until: 0.15 } },
  ],
};

/** One thing that happens; days are made absolute as the history is told. */
const happening = fc.record({
  what: fc.constantFrom(
    'forecast',
    'forecast',
    'forecast',
    'forecast',
    'forecast',
    'forecast',
    'forecast',
    'forecast',
    'revision',
    'revision',
    'revision',
    'straggler',
    'provisional',
    'tick',
    'tick',
    'failure',
    'maintenance',
    'retired',
    'acknowledge',
    'acknowledge',
    'error',
  ),
  machine: fc.constantFrom('unit-84', 'unit-84', 'unit-84', 'unit-9'),
  p: fc.constantFrom(null, null, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.9),
  skip: fc.constantFrom(0, 0, 0, 0, 1, 3),
  /** Days, in quarters, that an event is reported late. */
  late: fc.constantFrom(0, 0, 0, 0.25, 1, 2.5, 9),
  revision: fc.integer({ min: 0, max: 3 }),
  young: fc.constantFrom(false, false, false, true),
  by: fc.constantFrom('kim', 'lee'),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** Turns happenings into records; acknowledgements name the alert that is open, when the plant has one. */
async function tell(
  happenings: readonly Happening[],
  crashes: ReadonlySet<number>,
  given?: readonly Input[],
) {
  const plant = plantOf(config);
  const inputs: Input[] = [];
  let day = 1;
  for (const [index, it] of happenings.entries()) {
    const over = { machine: it.machine, ...(it.young ? { stepIndex: 1 } : {}) };
    const make = (): Input => {
      switch (it.what) {
        case 'forecast':
          day += 1 + it.skip;
          return forecastOf(day, it.p, over);
        case 'revision':
          return forecastOf(day, it.p, { ...over, revision: it.revision });
        case 'straggler':
          return forecastOf(day - 1 - it.skip, it.p, { ...over, revision: it.revision });
        case 'provisional':
          return forecastOf(day + 1, it.p ?? 0.5, { ...over, status: 'provisional', revision: 0 });
        case 'tick':
          return { kind: 'tick', timeMs: timeOf(day + it.late) };
        case 'acknowledge': {
          const alert = plant.alerts.findLast(({ machine }) => machine === it.machine);
          return eventOf(day + 0.5, it.what, { ...over, code: alert?.alertId ?? 'none', by: it.by });
        }
        default: {
          const eventTimeMs = timeOf(day + 0.5 - it.late);
          return eventOf(day + 0.5, it.what as 'failure', { machine: it.machine, eventTimeMs });
        }
      }
    };
    const made = make();
    const input = given?.[index] ?? made;
    inputs.push(input);
    await plant.push(input);
    if (crashes.has(index)) await plant.restart();
  }
  // The state of a stage that was never quiet long enough is written by then.
  for (let i = 0; i < 3; i++) await plant.push({ kind: 'tick', timeMs: timeOf(day) });
  return { plant, inputs: [...inputs, { kind: 'tick', timeMs: timeOf(day) } as const] };
}

const stateBytes = (plant: StoryPlant): [string, string][] =>
  [...plant.state].map(([key, value]): [string, string] => [key, value.toString()]).sort();

test(`${histories} random histories: as told plainly, and the same bytes across restarts`, async (t) => {
  const rules = bindRules(alertsConfigSchema.parse(config), [turbine()]).get('turbine') ?? [];
  const transitions = new Map<string, number>();
  const seed = Number(process.env.ALERTS_SEED ?? 20260302);
  await fc.assert(
    fc.asyncProperty(
      fc.array(happening, { minLength: 1, maxLength: 40 }),
      fc.uniqueArray(fc.nat(39), { maxLength: 6 }),
      async (happenings, crashes) => {
        const { plant, inputs } = await tell(happenings, new Set());
        const restarted = (await tell(happenings, new Set(crashes), inputs)).plant;
        assert.equal(JSON.stringify(restarted.alerts), JSON.stringify(plant.alerts));
        assert.deepEqual(stateBytes(restarted), stateBytes(plant));
        for (const machine of ['unit-84', 'unit-9'])
          for (const rule of rules) {
            const said = plant.alerts
              .filter((alert) => alert.machine === machine && alert.rule === rule.name)
              .map(
                ({
                  alertId,
                  sequence,
                  transition,
                  state,
                  severity,
                  timeMs,
                  sinceMs,
                  acknowledgedBy,
                  value,
                }): PlainRecord => ({
                  alertId,
                  sequence,
                  transition,
                  state,
                  severity,
                  timeMs,
                  sinceMs,
                  acknowledgedBy,
                  value,
                }),
              );
            assert.deepEqual(said, tellPlainly(rule, machine, inputs));
          }
        for (const { transition } of plant.alerts)
          transitions.set(transition, (transitions.get(transition) ?? 0) + 1);
      },
    ),
    { numRuns: histories, seed },
  );
  t.diagnostic(`seed ${seed}; transitions seen: ${JSON.stringify(Object.fromEntries(transitions))}`);
  // A history that never shows a transition would prove nothing about it.
  for (const name of [
    'pending',
    'fired',
    'raised',
    'lowered',
    'resolved',
    'cancelled',
    'amended',
    'acknowledged',
    'not-assessable',
    'assessable',
  ])
    assert.ok(
      (transitions.get(name) ?? 0) > histories / 50,
      `${name} was seen ${transitions.get(name) ?? 0} times`,
    );
});

test('every dedupe key is written once, numbers of an alert are without gaps, and time never goes back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 1, maxLength: 60 }), async (happenings) => {
      const { plant } = await tell(happenings, new Set());
      const last = new Map<string, { sequence: number; timeMs: number }>();
      for (const { alertId, sequence, timeMs, sinceMs } of plant.alerts) {
        const before = last.get(alertId) ?? { sequence: -1, timeMs: sinceMs };
        assert.equal(sequence, before.sequence + 1);
        assert.ok(timeMs >= before.timeMs && Number.isInteger(timeMs / (dayMs / 4)));
        last.set(alertId, { sequence, timeMs });
      }
    }),
    { numRuns: 500, seed: 1 },
  );
});
