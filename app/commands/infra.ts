/** `millwright infra`: the services that a plant runs on. */
import { Command } from 'commander';
import { InfluxConnection } from '../../infra/influx/connection.js';
import { setUpInflux } from '../../infra/influx/setup.js';
import { type Deployment, loadDeployment } from '../config.js';
import { printResult } from '../terminal/print-result.js';
import { configOption, jsonOption } from './options.js';

export function infraCommand(): Command {
  return new Command('infra').description('prepare the services that a plant runs on').addCommand(
    new Command('init')
      .description(
        'make or change what the services need: databases, retention, summaries; twice is as good as once',
      )
      .addOption(configOption())
      .addOption(jsonOption())
      .addHelpText(
        'after',
        `
Example:
  millwright infra init -c plant.yaml

InfluxDB: database, retention policy and, where results expire, summaries that do not. What is embedded needs nothing.`,
      )
      .action(async (options: { config: string; json: boolean }) => {
        const done = await initialise(loadDeployment(options.config));
        printResult(
          {
            json: { done },
            human: () => (done.length === 0 ? 'everything is as it should be' : done.join('\n')),
          },
          options.json,
        );
      }),
  );
}

/** Says in sentences what it has done. */
async function initialise({ config, types }: Deployment): Promise<string[]> {
  if (config.store.kind !== 'influx') return [];
  const connection = new InfluxConnection(config.store);
  try {
    return await setUpInflux(connection, config.store, [...types.values()]);
  } finally {
    connection.close();
  }
}
