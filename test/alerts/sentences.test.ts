// The sentence of each transition, as people read it in a log, a chat or on the page.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { tell, turbine } from './story.js';

type Story = Parameters<typeof tell>[1] & { readonly lines: readonly string[] };

const stories: Record<string, { readonly story: Story; readonly sentences: readonly string[] }> = {
  'from warning to failure': {
    story: {
      lines: [
        '0 p 0.35',
        '1 p 0.71',
        '1.5 ack kim bearing ordered',
        '1 p 0.75 rev 1',
        '2 p 0.5',
        '3 p 0.39',
        '7.5 failure',
      ],
    },
    sentences: [
      'unit-84 is likely to fail: P(fail within 14 days) 0.35, expected in 23 days. Warning since 2026-03-01.',
      'unit-84 is likely to fail: P(fail within 14 days) 0.71, expected in 8 days. Critical since 2026-03-02.',
      'unit-84 is likely to fail: P(fail within 14 days) 0.71, expected in 8 days. Critical since 2026-03-02. Acknowledged by kim: bearing ordered.',
      'unit-84 is likely to fail: P(fail within 14 days) 0.75, expected in 7 days. Critical since 2026-03-02. Revised by late data.',
      'unit-84 is likely to fail: P(fail within 14 days) 0.39, expected in 20 days. Warning since 2026-03-04.',
      'unit-84 failed on 2026-03-08. The alert (warning) stood since 2026-03-01.',
    ],
  },
  'by a forecast that is not the network’s': {
    story: { lines: ['1 p 0.9 fallback', '2 p 0.1'] },
    sentences: [
      'unit-84 is likely to fail: P(fail within 14 days) 0.90, expected in 5 days. Critical since 2026-03-02. The forecast rests on smoothed readings and the age, not on the network: as the story has it.',
      'unit-84 is no longer likely to fail: P(fail within 14 days) 0.10. The alert (critical) stood since 2026-03-02.',
    ],
  },
  'pending, then not': {
    story: {
      rule: { for: '2d' },
      lines: ['1 p 0.35', '2 p 0.1'],
    },
    sentences: [
      'unit-84: P(fail within 14 days) 0.35; an alert (warning) follows if this holds for 2 days.',
      'unit-84: P(fail within 14 days) fell back to 0.10 before an alert was due.',
    ],
  },
  'blind and back': {
    story: {
      lines: ['1 p 0.9', '3 tick', '4 p 0.9', '5 p 0.1', '7 blind low coverage', '8 p 0.1'],
    },
    sentences: [
      'unit-84 is likely to fail: P(fail within 14 days) 0.90, expected in 5 days. Critical since 2026-03-02.',
      'unit-84 cannot be assessed: no forecast since 2026-03-02. It is critical by what was known before.',
      'unit-84 can be assessed again. unit-84 is likely to fail: P(fail within 14 days) 0.90, expected in 5 days. Critical since 2026-03-02.',
      'unit-84 is no longer likely to fail: P(fail within 14 days) 0.10. The alert (critical) stood since 2026-03-02.',
      'unit-84 cannot be assessed: low coverage.',
      'unit-84 can be assessed again: P(fail within 14 days) 0.10.',
    ],
  },
  'hours and own words': {
    story: {
      machineType: turbine({ step: { kind: 'fixed', durationMs: '1h' } }),
      within: '14h',
      rule: {
        name: 'own',
        condition: 'failure_probability(14h)',
        labels: { team: 'hydraulics' },
        summary: '{labels.team}: {site}/{line}/{machine} ({severity}, {since}) {expected}',
      },
      lines: ['1 p 0.05', '1.5 p 0.3', '1.6 maintenance'],
    },
    sentences: [
      'hydraulics: north/l1/unit-84 (warning, 2026-03-02 12:00 UTC) expected in 28 hours',
      'unit-84 had maintenance on 2026-03-02 14:24 UTC. The alert (warning) stood since 2026-03-02 12:00 UTC.',
    ],
  },
  'no end in sight': {
    story: {
      lines: ['1 p 0.3', '1 p 0.25 rev 1', '2 p 0.9', '3 retired'],
    },
    sentences: [
      'unit-84 is likely to fail: P(fail within 14 days) 0.30, expected in 28 days. Warning since 2026-03-02.',
      'unit-84 is no longer likely to fail: P(fail within 14 days) 0.25. The alert (warning) stood since 2026-03-02.',
      'unit-84 is likely to fail: P(fail within 14 days) 0.90, expected in 5 days. Critical since 2026-03-03.',
      'unit-84 was taken out of service on 2026-03-04. The alert (critical) stood since 2026-03-03.',
    ],
  },
};

for (const [name, { story, sentences }] of Object.entries(stories))
  test(name, async () => {
    const alerts = await tell(story.lines, story);
    assert.deepEqual(
      alerts.map(({ summary }) => summary),
      sentences,
    );
  });
