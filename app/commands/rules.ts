/** `millwright rules check` and `millwright rules test FILE...`. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { loadDeployment } from '../config.js';
import { loadYaml } from '../config-file.js';
import { storyFileSchema } from '../rule-stories/story-file.js';
import { type StoryDefaults, type Surprise, tellStory } from '../rule-stories/tell-story.js';
import { rulesInForce } from '../rules-in-force.js';
import { exitCodes } from '../terminal/exit-codes.js';
import { formatCounted } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { formatTable } from '../terminal/table.js';
import { configOption, jsonOption } from './options.js';

export function rulesCommand(): Command {
  const command = new Command('rules').description('check alert rules, and test them with stories in time');
  command
    .command('check')
    .description('say all that is wrong with the alert rules of a deployment, or list them')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  millwright rules check -c plant.yaml\n\nExit code: 0 the rules are good, 2 they are not.',
    )
    .action((options: { config: string; json: boolean }) => {
      const { config, types } = defaultsOf(options.config);
      const rules = rulesInForce(config, types);
      const rows = rules.map(({ name, types, condition, severities, version }) => [
        name,
        types.join(', '),
        condition,
        severities,
        version,
      ]);
      const titles = ['rule', 'machine types', 'condition', 'severities (set/reset)', 'version'];
      printResult(
        {
          json: { ok: true, rules },
          human: () =>
            `${formatTable(
              titles.map((title) => ({ title })),
              rows,
            )}\n${formatCounted(rules.length, 'rule')}, nothing wrong`,
        },
        options.json,
      );
    });
  command
    .command('test')
    .description('tell stories to the rules: what happens, and what is wanted to be said of it')
    .argument('<files...>', 'YAML files of stories')
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  millwright rules test stories.yaml -c plant.yaml\n\nHow stories are written: docs/guide/alerts.md. Exit code: 0 all is said as wanted, 1 it is not.',
    )
    .action(async (files: string[], options: { config: string; json: boolean }) => {
      const defaults = existsSync(options.config) ? defaultsOf(options.config) : undefined;
      const results: StoryResult[] = [];
      for (const file of files) {
        const { stories, ...setting } = loadYaml(file, storyFileSchema);
        for (const story of stories) {
          const { name, surprises } = await tellStory(story, setting, defaults);
          results.push({ file, name, ok: surprises.length === 0, surprises });
        }
      }
      const failed = results.filter(({ ok }) => !ok);
      printResult(
        {
          json: { ok: failed.length === 0, stories: results },
          human: () =>
            [
              ...failed.map(describe),
              `${formatCounted(results.length, 'story', 'stories')}: ${results.length - failed.length} as wanted, ${failed.length} not`,
            ].join('\n'),
        },
        options.json,
      );
      if (failed.length > 0) process.exitCode = exitCodes.failed;
    });
  return command;
}

interface StoryResult {
  readonly file: string;
  readonly name: string;
  readonly ok: boolean;
  readonly surprises: readonly Surprise[];
}

function defaultsOf(file: string): StoryDefaults {
  const { config, types } = loadDeployment(file);
  return { config: config.alerts, types: [...types.values()] };
}

function describe({ file, name, surprises }: StoryResult): string {
  const lines = surprises.flatMap(({ happens, wanted, said }) => [
    `  ${happens}`,
    `    wanted: ${wanted.join('; ') || 'nothing'}`,
    `    said:   ${said.join('; ') || 'nothing'}`,
  ]);
  return [`${file}: ${name}`, ...lines].join('\n');
}
