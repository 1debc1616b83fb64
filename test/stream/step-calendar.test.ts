import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countSteps, makeStepCalendar } from '../../stream/step-calendar.js';

const hourMs = 3_600_000;

function day(timeZone: string, time: string): { start: string; hours: number } {
  const { startMs, endMs } = makeStepCalendar({ kind: 'calendar-day', timeZone }).stepAt(Date.parse(time));
  return { start: new Date(startMs).toISOString(), hours: (endMs - startMs) / hourMs };
}

test('days of a zone are 24 hours, 23 or 25 where clocks change', () => {
  assert.deepEqual(day('Europe/Berlin', '2024-05-01T12:00Z'), {
    start: '2024-04-30T22:00:00.000Z',
    hours: 24,
  });
  assert.deepEqual(day('Europe/Berlin', '2024-03-31T12:00Z'), {
    start: '2024-03-30T23:00:00.000Z',
    hours: 23,
  });
  assert.deepEqual(day('Europe/Berlin', '2024-10-27T12:00Z'), {
    start: '2024-10-26T22:00:00.000Z',
    hours: 25,
  });
  assert.deepEqual(day('Australia/Lord_Howe', '2024-10-06T00:00Z'), {
    start: '2024-10-05T13:30:00.000Z',
    hours: 23.5,
  });
});

test('a day whose midnight does not exist begins at its first instant', () => {
  // São Paulo, 4 November 2018: 00:00 was 01:00, which is 03:00 UTC.
  assert.deepEqual(day('America/Sao_Paulo', '2018-11-04T12:00Z'), {
    start: '2018-11-04T03:00:00.000Z',
    hours: 23,
  });
});

test('a date that a zone skipped has no step', () => {
  // Samoa went from 29 to 31 December 2011.
  const before = day('Pacific/Apia', '2011-12-30T09:59Z');
  const after = day('Pacific/Apia', '2011-12-30T10:00Z');
  assert.equal(before.hours, 24);
  assert.deepEqual(after, { start: '2011-12-30T10:00:00.000Z', hours: 24 });
});

test('steps follow one another without gap, also where clocks go back across midnight, before 1970 and after', () => {
  const spans = [
    ['Europe/Berlin', '2024-01-01T00:00Z'],
    ['America/Sao_Paulo', '2018-01-01T00:00Z'],
    ['America/St_Johns', '2009-01-01T00:00Z'],
    ['Asia/Beirut', '2022-06-01T00:00Z'],
    ['Africa/Cairo', '1965-01-01T00:00Z'],
    ['Pacific/Apia', '2011-06-01T00:00Z'],
  ] as const;
  for (const [timeZone, from] of spans) {
    const calendar = makeStepCalendar({ kind: 'calendar-day', timeZone });
    let step = calendar.stepAt(Date.parse(from));
    for (let k = 0; k < 400; k++) {
      const lengthMs = step.endMs - step.startMs;
      assert.ok(
        lengthMs >= 22 * hourMs && lengthMs <= 26 * hourMs,
        `${timeZone} ${new Date(step.startMs).toISOString()}`,
      );
      for (const timeMs of [step.startMs, step.startMs + lengthMs / 2, step.endMs - 1]) {
        // A calendar without memory, so that what is remembered cannot hide a gap.
        const fresh = makeStepCalendar({ kind: 'calendar-day', timeZone }).stepAt(timeMs);
        assert.deepEqual({ ...fresh }, { ...step }, `${timeZone} at ${new Date(timeMs).toISOString()}`);
      }
      const next = calendar.stepAt(step.endMs);
      assert.equal(next.startMs, step.endMs);
      step = next;
    }
  }
});

test('days agree with the dates that Intl gives', () => {
  for (const timeZone of ['Europe/Berlin', 'America/New_York', 'America/Sao_Paulo', 'Asia/Kathmandu']) {
    const dateOf = new Intl.DateTimeFormat('en-CA', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
    const calendar = makeStepCalendar({ kind: 'calendar-day', timeZone });
    for (let timeMs = Date.UTC(2018, 0, 1); timeMs < Date.UTC(2019, 0, 1); timeMs += 7 * hourMs) {
      const { startMs, endMs } = calendar.stepAt(timeMs);
      assert.equal(dateOf.format(startMs), dateOf.format(timeMs));
      assert.equal(dateOf.format(endMs - 1), dateOf.format(timeMs));
      assert.notEqual(dateOf.format(startMs - 1), dateOf.format(timeMs));
      assert.notEqual(dateOf.format(endMs), dateOf.format(timeMs));
    }
  }
});

test('fixed steps are aligned to the epoch and can be counted', () => {
  const calendar = makeStepCalendar({ kind: 'fixed', durationMs: hourMs });
  assert.deepEqual(calendar.stepAt(hourMs + 1), { startMs: hourMs, endMs: 2 * hourMs });
  assert.deepEqual(calendar.stepAt(-1), { startMs: -hourMs, endMs: 0 });
  assert.equal(countSteps(calendar, 0, hourMs - 1), 0);
  assert.equal(countSteps(calendar, 0, 5 * hourMs), 5);
});
