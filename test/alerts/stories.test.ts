// What rules say of machines as days go by. Goal: every way in and out of every state, as a user would tell it, told by the
// runner of `millwright rules test` to files that a user could have written.
import { strict as assert } from 'node:assert';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadYaml } from '../../app/config-file.js';
import { type Story, storyFileSchema } from '../../app/rule-stories/story-file.js';
import { tellStory } from '../../app/rule-stories/tell-story.js';
import { tell, twoLevels } from './story.js';

const folder = 'test/alerts/stories';
for (const file of readdirSync(folder)) {
  const { stories, ...setting } = loadYaml(join(folder, file), storyFileSchema);
  for (const story of stories)
    test(`${file}: ${story.name}`, async () => {
      const { surprises } = await tellStory(story, setting);
      assert.deepEqual(surprises, []);
    });
}

test('a story that is not said as wanted is told with both', async () => {
  const { stories, ...setting } = storyFileSchema.parse({
    alerts: { rules: [twoLevels] },
    stories: [
      { name: 'x', lines: [{ '1 p 0.4': null }, { '2 p 0.4': null }, { '3 p 0.1': 'fired warning @3' }] },
    ],
  });
  assert.deepEqual((await tellStory(stories[0] as Story, setting)).surprises, [
    { happens: '1 p 0.4', wanted: [], said: ['fired warning @1 0.4'] },
    {
      happens: '3 p 0.1',
      wanted: ['fired warning @3'],
      said: ['resolved warning (condition-cleared) @3 0.1'],
    },
  ]);
});

test('an alert keeps its id over its whole life, and its records are numbered', async () => {
  const alerts = await tell(['1 p 0.4', '2 p 0.1', '2 p 0.25 rev 1', '3 p 0.25']);
  assert.deepEqual(
    alerts.map(({ alertId, dedupeKey }) => [alertId, dedupeKey]),
    [0, 1, 2].map((sequence) => ['near/unit-84/1772409600000', `near/unit-84/1772409600000/${sequence}`]),
  );
});

test('raising asks for a new acknowledgement, lowering does not', async () => {
  const alerts = await tell(['1 p 0.4', '1.2 ack kim', '2 p 0.9', '2.2 ack lee', '3 p 0.35']);
  assert.deepEqual(
    alerts.map(({ acknowledgedBy }) => acknowledgedBy),
    ['', 'kim', '', 'lee', 'lee'],
  );
});
