// What a rule says of a machine as days go by. Goal: every way in and out of every state, as a user would tell it.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { type Story, tellStory, turbine, twoLevels } from './story.js';

const expectedDayRule = {
  name: 'expected',
  condition: 'expected_day()',
  severities: [
    { name: 'warning', set: 20, reset: 25 },
    { name: 'critical', set: 8, reset: 12 },
  ],
};

const stories: Record<string, Story> = {
  'nothing is said while the risk is low': {
    lines: [
      ['1 p 0.1', ''],
      ['2 p 0.29', ''],
    ],
  },
  'a value at the threshold fires, and is told once': {
    lines: [
      ['1 p 0.3', 'fired warning @1 0.3'],
      ['2 p 0.35', ''],
      ['3 p 0.3', ''],
    ],
  },
  'flapping between reset and set is one alert': {
    lines: [
      ['1 p 0.31', 'fired warning @1 0.31'],
      ['2 p 0.29', ''],
      ['3 p 0.31', ''],
      ['4 p 0.2', ''],
      ['5 p 0.31', ''],
      ['6 p 0.19', 'resolved warning (condition-cleared) @6 0.19'],
      ['7 p 0.29', ''],
    ],
  },
  'a second episode is an alert of its own': {
    lines: [
      ['1 p 0.4', 'fired warning @1 0.4'],
      ['2 p 0.1', 'resolved warning (condition-cleared) @2 0.1'],
      ['3 p 0.4', 'fired warning @3 0.4'],
    ],
  },
  'two severities are raised and lowered each by its own thresholds': {
    lines: [
      ['1 p 0.35', 'fired warning @1 0.35'],
      ['2 p 0.6', 'raised critical @2 0.6'],
      ['3 p 0.45', ''],
      ['4 p 0.39', 'lowered warning @4 0.39'],
      ['5 p 0.59', ''],
      ['6 p 0.7', 'raised critical @6 0.7'],
      ['7 p 0.1', 'resolved critical (condition-cleared) @7 0.1'],
    ],
  },
  'a rule judges forecasts of what it speaks of, and no others': {
    config: { rules: [twoLevels, { ...twoLevels, name: 'departs', condition: 'limit_probability(14d)' }] },
    lines: [
      ['1 p 0.5 limit', 'departs: fired warning @1 0.5'],
      ['2 p 0.9 limit', 'departs: raised critical @2 0.9'],
      // The first failures have been learned: the health index is no longer told.
      ['3 p 0.7', 'near: fired critical @3 0.7; departs: resolved critical (condition-cleared) @3'],
      ['4 p 0.1', 'near: resolved critical (condition-cleared) @4 0.1'],
    ],
  },
  'silence of a health index is told by its own rule only': {
    config: { rules: [twoLevels, { ...twoLevels, name: 'departs', condition: 'limit_probability(14d)' }] },
    lines: [
      ['1 p 0.1 limit', ''],
      ['3.5 tick', 'departs: not-assessable (no forecast since 2026-03-02) @3 0.1'],
    ],
  },
  'a jump fires with the highest severity at once': {
    lines: [['1 p 0.9', 'fired critical @1 0.9']],
  },
  'for: it is pending until the condition has held long enough': {
    rule: { for: '2d' },
    lines: [
      ['1 p 0.4', 'pending warning @1 0.4'],
      ['2 p 0.4', ''],
      ['3 p 0.5', 'fired warning @3 0.5'],
    ],
  },
  'for: a condition that goes away is cancelled, and the time starts anew': {
    rule: { for: '2d' },
    lines: [
      ['1 p 0.4', 'pending warning @1 0.4'],
      ['2 p 0.1', 'cancelled warning (condition-cleared) @2 0.1'],
      ['3 p 0.4', 'pending warning @3 0.4'],
      ['4 p 0.4', ''],
      ['5 p 0.4', 'fired warning @5 0.4'],
    ],
  },
  'for: it fires with the severity of the day on which it fires': {
    rule: { for: '1d' },
    lines: [
      ['1 p 0.4', 'pending warning @1 0.4'],
      ['2 p 0.8', 'fired critical @2 0.8'],
    ],
  },
  'for: the days of a backlog that arrives at once count': {
    rule: { for: '2d' },
    lines: [
      ['1 p 0.1', ''],
      ['6.2 tick', 'not-assessable (no forecast since 2026-03-02) @3 0.1'],
      ['2 p 0.4', 'assessable warning @3 0.4'],
      ['3 p 0.4', ''],
      ['4 p 0.4', 'fired warning @4 0.4'],
    ],
  },
  'a crash while pending neither repeats nor forgets': {
    rule: { for: '2d' },
    lines: [
      ['1 p 0.4', 'pending warning @1 0.4'],
      ['2 p 0.4', ''],
      ['crash', ''],
      ['3 p 0.4', 'fired warning @3 0.4'],
    ],
  },
  'a crash while firing neither repeats nor forgets': {
    lines: [
      ['1 p 0.9', 'fired critical @1 0.9'],
      ['2 p 0.5', ''],
      ['crash', ''],
      ['crash', ''],
      ['3 p 0.5', ''],
      ['4 p 0.1', 'resolved critical (condition-cleared) @4 0.1'],
      ['crash', ''],
      ['5 p 0.1', ''],
    ],
  },
  'a failure closes with the time of the failure': {
    lines: [
      ['1 p 0.9', 'fired critical @1 0.9'],
      ['2 p 0.95', ''],
      ['2.4 failure', 'resolved critical (failed) @2.4 0.95'],
    ],
  },
  'a failure while pending ends that too': {
    rule: { for: '3d' },
    lines: [
      ['1 p 0.9', 'pending critical @1 0.9'],
      ['1.5 failure', 'cancelled critical (failed) @1.5 0.9'],
    ],
  },
  'a failure nobody foresaw is no transition': {
    lines: [
      ['1 p 0.01', ''],
      ['1.5 failure', ''],
      ['9 tick', ''],
    ],
  },
  'the life after a failure starts without the old thresholds, young and unwatched': {
    lines: [
      ['1 p 0.9', 'fired critical @1 0.9'],
      ['2.4 failure', 'resolved critical (failed) @2.4 0.9'],
      ['9 tick', ''],
      ['10 young', ''],
      ['11 young', ''],
      ['12 p 0.25', ''],
      ['13 p 0.35', 'fired warning @13 0.35'],
    ],
  },
  'the same failure told twice closes once, and not the next life': {
    lines: [
      ['1 p 0.9', 'fired critical @1 0.9'],
      ['2.4 failure', 'resolved critical (failed) @2.4 0.9'],
      ['3 p 0.5', 'fired warning @3 0.5'],
      ['2.4 failure', ''],
    ],
  },
  'a failure reported days late still closes the alert of the dead machine': {
    lines: [
      ['1 p 0.1', ''],
      ['2 p 0.5', 'fired warning @2 0.5'],
      ['1.9 failure', 'resolved warning (failed) @2 0.5'],
    ],
  },
  'a failure from last year closes nothing': {
    lines: [
      ['1 p 0.5', 'fired warning @1 0.5'],
      ['-300 failure', ''],
      ['2 p 0.7', 'raised critical @2 0.7'],
    ],
  },
  'a forecast made without knowing of the failure is not believed': {
    lines: [
      ['1 p 0.5', 'fired warning @1 0.5'],
      ['2.1 failure', 'resolved warning (failed) @2.1 0.5'],
      ['2 p 0.9', ''],
      ['1 p 0.9 rev 1', ''],
    ],
  },
  'maintenance closes, and a risk that is still there opens anew': {
    lines: [
      ['1 p 0.9', 'fired critical @1 0.9'],
      ['1.5 maintenance', 'resolved critical (maintenance) @1.5 0.9'],
      ['2 p 0.25', ''],
      ['3 p 0.4', 'fired warning @3 0.4'],
    ],
  },
  'maintenance before the alert began is no answer to it': {
    lines: [
      ['1 p 0.1', ''],
      ['2 p 0.9', 'fired critical @2 0.9'],
      ['1.8 maintenance', ''],
      ['2 p 0.1 rev 1', 'resolved critical (condition-cleared) @2 0.1'],
    ],
  },
  'retirement closes and ends the watch': {
    lines: [
      ['1 p 0.4', 'fired warning @1 0.4'],
      ['1.5 retired', 'resolved warning (retired) @1.5 0.4'],
      ['30 tick', ''],
    ],
  },
  'errors of the machine are not its end': {
    lines: [
      ['1 p 0.4', 'fired warning @1 0.4'],
      ['1.5 error', ''],
      ['2 p 0.4', ''],
    ],
  },
  'late data changes the value: amended, not repeated': {
    lines: [
      ['1 p 0.4', 'fired warning @1 0.4'],
      ['1 p 0.45 rev 1', 'amended warning @1 0.45'],
      ['1 p 0.45 rev 2', ''],
    ],
  },
  'late data takes the cause away, below set though above reset': {
    lines: [
      ['1 p 0.1', ''],
      ['2 p 0.4', 'fired warning @2 0.4'],
      ['2 p 0.25 rev 1', 'resolved warning (condition-cleared) @2 0.25'],
      ['3 p 0.25', ''],
    ],
  },
  'late data that changes its mind again goes on with the same alert': {
    lines: [
      ['2 p 0.4', 'fired warning @2 0.4'],
      ['2 p 0.1 rev 1', 'resolved warning (condition-cleared) @2 0.1'],
      ['2 p 0.4 rev 2', 'fired warning @2 0.4'],
    ],
  },
  'late data takes back a clearing': {
    lines: [
      ['1 p 0.4', 'fired warning @1 0.4'],
      ['2 p 0.1', 'resolved warning (condition-cleared) @2 0.1'],
      ['2 p 0.25 rev 1', 'fired warning @2 0.25'],
      ['3 p 0.25', ''],
    ],
  },
  'late data raises, and takes the raising back': {
    lines: [
      ['1 p 0.4', 'fired warning @1 0.4'],
      ['1 p 0.7 rev 1', 'raised critical @1 0.7'],
      ['1 p 0.5 rev 2', 'lowered warning @1 0.5'],
    ],
  },
  'late data while pending': {
    rule: { for: '1d' },
    lines: [
      ['1 p 0.4', 'pending warning @1 0.4'],
      ['1 p 0.5 rev 1', 'amended warning @1 0.5'],
      ['1 p 0.1 rev 2', 'cancelled warning (condition-cleared) @1 0.1'],
      ['2 p 0.4', 'pending warning @2 0.4'],
    ],
  },
  'revisions of older origins, repeats and stragglers change nothing': {
    lines: [
      ['1 p 0.4', 'fired warning @1 0.4'],
      ['2 p 0.4', ''],
      ['1 p 0.1 rev 1', ''],
      ['1 p 0.9 rev 2', ''],
      ['2 p 0.9', ''],
      ['2 p 0.5 rev 3', 'amended warning @2 0.5'],
      ['2 p 0.9 rev 2', ''],
    ],
  },
  'a revision after a crash is judged as before it': {
    lines: [
      ['1 p 0.1', ''],
      ['2 p 0.4', 'fired warning @2 0.4'],
      ['crash', ''],
      ['2 p 0.25 rev 1', 'resolved warning (condition-cleared) @2 0.25'],
    ],
  },
  'not assessable: entered after its time, left with the first good forecast': {
    lines: [
      ['1 p 0.1', ''],
      ['2 blind low coverage', ''],
      ['3 blind low coverage', 'not-assessable (low coverage) @3 0.1'],
      ['4 blind low coverage', ''],
      ['5 p 0.1', 'assessable (condition-cleared) @5 0.1'],
    ],
  },
  'not assessable while firing: the alert is kept, not cleared': {
    lines: [
      ['1 p 0.9', 'fired critical @1 0.9'],
      ['2 blind dead gateway', ''],
      ['3 blind dead gateway', 'not-assessable critical (dead gateway) @3 0.9'],
      ['4 p 0.5', 'assessable critical @4 0.5'],
      ['5 p 0.1', 'resolved critical (condition-cleared) @5 0.1'],
    ],
  },
  'not assessable while firing, and good afterwards: resolved': {
    lines: [
      ['1 p 0.9', 'fired critical @1 0.9'],
      ['3 blind dead gateway', 'not-assessable critical (dead gateway) @3 0.9'],
      ['4 p 0.1', 'resolved critical (condition-cleared) @4 0.1'],
    ],
  },
  'not assessable while firing, and worse afterwards: raised': {
    lines: [
      ['1 p 0.4', 'fired warning @1 0.4'],
      ['3 blind dead gateway', 'not-assessable warning (dead gateway) @3 0.4'],
      ['4 p 0.9', 'raised critical @4 0.9'],
    ],
  },
  'not assessable while pending: the wait starts anew': {
    rule: { for: '2d' },
    lines: [
      ['1 p 0.4', 'pending warning @1 0.4'],
      ['3 blind dead gateway', 'not-assessable (dead gateway) @3 0.4'],
      ['4 p 0.4', 'assessable warning @4 0.4'],
      ['5 p 0.4', ''],
      ['6 p 0.4', 'fired warning @6 0.4'],
    ],
  },
  'one blind day is a gap and no more': {
    rule: { for: '2d' },
    lines: [
      ['1 p 0.4', 'pending warning @1 0.4'],
      ['2 blind low coverage', ''],
      ['3 p 0.4', 'fired warning @3 0.4'],
    ],
  },
  'late data makes a blind day assessable': {
    lines: [
      ['1 p 0.1', ''],
      ['2 blind low coverage', ''],
      ['3 blind low coverage', 'not-assessable (low coverage) @3 0.1'],
      ['3 p 0.1 rev 1', 'assessable (condition-cleared) @3 0.1'],
      ['4 p 0.1', ''],
    ],
  },
  'a machine that is new and young is not reported as not assessable': {
    lines: [
      ['1 young', ''],
      ['2 young', ''],
      ['3 young', ''],
      ['4 young', ''],
      ['5 p 0.1', ''],
    ],
  },
  'a machine that is blind from the start is reported': {
    lines: [
      ['1 blind no sensor', ''],
      ['2 blind no sensor', ''],
      ['3 blind no sensor', 'not-assessable (no sensor) @3'],
      ['3.5 failure', 'resolved (failed) @3.5'],
    ],
  },
  'silence: only time passes, and the transition bears the time it was due': {
    lines: [
      ['1 p 0.1', ''],
      ['2.9 tick', ''],
      ['3.7 tick', 'not-assessable (no forecast since 2026-03-02) @3 0.1'],
      ['9 tick', ''],
      ['10 p 0.1', 'assessable (condition-cleared) @10 0.1'],
      ['11 tick', ''],
    ],
  },
  'a rule that leaves silence to another says nothing of it': {
    rule: { notAssessableAfter: 'never' },
    lines: [
      ['1 p 0.9', 'fired critical @1 0.9'],
      ['9 tick', ''],
      ['10 blind low coverage', ''],
      ['11 p 0.1', 'resolved critical (condition-cleared) @11 0.1'],
    ],
  },
  'without rules a silent machine is told once': {
    config: {},
    lines: [
      ['1 p 0', ''],
      ['9 tick', 'not-assessable (no forecast since 2026-03-02) @3 0'],
    ],
  },
  'silence while firing, across a crash': {
    lines: [
      ['1 p 0.9', 'fired critical @1 0.9'],
      ['2 tick', ''],
      ['crash', ''],
      ['3 tick', 'not-assessable critical (no forecast since 2026-03-02) @3 0.9'],
      ['crash', ''],
      ['4 tick', ''],
      ['5 p 0.9', 'assessable critical @5 0.9'],
    ],
  },
  'silence is not ended by news of an old day': {
    lines: [
      ['1 p 0.1', ''],
      ['3 tick', 'not-assessable (no forecast since 2026-03-02) @3 0.1'],
      ['1 p 0.9 rev 1', ''],
      ['4 p 0.9', 'fired critical @4 0.9'],
    ],
  },
  'after maintenance a machine is given time to be heard of again': {
    lines: [
      ['1 p 0.1', ''],
      ['2.5 maintenance', ''],
      ['3.5 tick', ''],
      ['4.5 tick', 'not-assessable (no forecast since 2026-03-03) @4.5 0.1'],
    ],
  },
  'acknowledged: who and why, once': {
    lines: [
      ['1 p 0.9', 'fired critical @1 0.9'],
      ['1.2 ack kim bearing ordered', 'acknowledged critical (bearing ordered) @1.2 0.9'],
      ['1.2 ack kim bearing ordered', ''],
      ['1.4 ack lee mine now', 'acknowledged critical (mine now) @1.4 0.9'],
      ['2 p 0.1', 'resolved critical (condition-cleared) @2 0.1'],
      ['2.1 ack kim too late', ''],
    ],
  },
  'an acknowledgement without a name counts too': {
    lines: [
      ['1 p 0.9', 'fired critical @1 0.9'],
      ['1.2 ack', 'acknowledged critical () @1.2 0.9'],
    ],
  },
  'keepFiringFor: a short good spell does not clear': {
    rule: { keepFiringFor: '2d' },
    lines: [
      ['1 p 0.4', 'fired warning @1 0.4'],
      ['2 p 0.1', ''],
      ['3 p 0.25', ''],
      ['4 p 0.1', ''],
      ['5 p 0.1', ''],
      ['6 p 0.1', 'resolved warning (condition-cleared) @6 0.1'],
    ],
  },
  'provisional forecasts are ignored unless asked for': {
    lines: [
      ['1 p 0.1', ''],
      ['1.5 tick', ''],
      ['2 p 0.9 provisional', ''],
      ['2 p 0.4 rev 1', 'fired warning @2 0.4'],
    ],
  },
  'provisional forecasts, when used, tell of now and not of the end of the day': {
    rule: { provisional: 'use' },
    lines: [
      ['1 p 0.1', ''],
      ['1.5 tick', ''],
      ['2 p 0.4 provisional', 'fired warning @1.5 0.4'],
      ['2 p 0.1 rev 1', 'resolved warning (condition-cleared) @2 0.1'],
    ],
  },
  'two rules live side by side': {
    config: { rules: [twoLevels, { ...twoLevels, name: 'slow', for: '1d' }] },
    lines: [
      ['1 p 0.4', 'near: fired warning @1 0.4; slow: pending warning @1 0.4'],
      ['2 p 0.7', 'near: raised critical @2 0.7; slow: fired critical @2 0.7'],
      ['2.5 failure', 'near: resolved critical (failed) @2.5 0.7; slow: resolved critical (failed) @2.5 0.7'],
    ],
  },
  'expected day: nearer is worse, beyond the horizon is good': {
    config: { rules: [expectedDayRule] },
    lines: [
      ['1 p 0.1', ''],
      ['2 p 0.4', 'fired warning @2 19'],
      ['3 p 0.75', 'raised critical @3 7'],
      ['4 p 0.6', ''],
      ['5 p 0.4', 'lowered warning @5 19'],
      ['6 p 0.1', 'resolved warning (condition-cleared) @6'],
    ],
  },
  'for: a day of 23 hours counts as a day': {
    rule: { for: '2d' },
    types: [turbine({ step: { kind: 'calendar-day', timeZone: 'America/New_York' } })],
    lines: [
      ['6.20833333 p 0.4', 'pending warning @6.21 0.4'],
      ['7.20833333 p 0.4', ''],
      ['8.16666667 p 0.4', 'fired warning @8.17 0.4'],
    ],
  },
  'days of a plant with a clock change are told by its own calendar': {
    types: [turbine({ step: { kind: 'calendar-day', timeZone: 'America/New_York' } })],
    lines: [
      ['7.20833333 p 0.1', ''],
      ['9.5 tick', 'not-assessable (no forecast since 2026-03-08) @9.21 0.1'],
    ],
  },
};

for (const [name, story] of Object.entries(stories)) test(name, () => tellStory(story).then(() => undefined));

test('there are at least 25 stories', () => assert.ok(Object.keys(stories).length >= 25));

test('an alert keeps its id over its whole life, and its records are numbered', async () => {
  const { alerts } = await tellStory(stories['late data takes back a clearing'] as Story);
  assert.deepEqual(
    alerts.map(({ alertId, dedupeKey }) => [alertId, dedupeKey]),
    [0, 1, 2].map((sequence) => ['near/unit-84/1772409600000', `near/unit-84/1772409600000/${sequence}`]),
  );
});

test('raising asks for a new acknowledgement, lowering does not', async () => {
  const { alerts } = await tellStory({
    lines: [
      ['1 p 0.4', 'fired warning @1 0.4'],
      ['1.2 ack kim', 'acknowledged warning () @1.2 0.4'],
      ['2 p 0.9', 'raised critical @2 0.9'],
      ['2.2 ack lee', 'acknowledged critical () @2.2 0.9'],
      ['3 p 0.35', 'lowered warning @3 0.35'],
    ],
  });
  assert.deepEqual(
    alerts.map(({ acknowledgedBy }) => acknowledgedBy),
    ['', 'kim', '', 'lee', 'lee'],
  );
});
