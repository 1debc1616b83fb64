/** `millwright infra`: the services that a plant runs on. */
import { Command } from 'commander';
import { topicSpecs } from '../../domain/topics.js';
import { InfluxConnection } from '../../infra/influx/connection.js';
import { setUpInflux } from '../../infra/influx/setup.js';
import { inspectKafka } from '../../infra/kafka/inspect.js';
import { type Deployment, loadDeployment } from '../config.js';
import { openLog } from '../open-log.js';
import { formatCounted } from '../terminal/format.js';
import { printResult } from '../terminal/print-result.js';
import { configOption, jsonOption } from './options.js';

export function infraCommand(): Command {
  return new Command('infra').description('prepare the services that a plant runs on').addCommand(
    new Command('init')
      .description(
        'make or change what the services need: topics, databases, retention, summaries; twice is as good as once',
      )
      .addOption(configOption())
      .addOption(jsonOption())
      .addHelpText(
        'after',
        `
Example:
  millwright infra init -c plant.yaml

Kafka: topics. InfluxDB: database, retention policy and, where results expire, summaries that do not. What is embedded needs nothing.`,
      )
      .action(async (options: { config: string; json: boolean }) => {
        const deployment = loadDeployment(options.config);
        const done = [...(await initialiseLog(deployment)), ...(await initialiseStore(deployment))];
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
async function initialiseLog({ config }: Deployment): Promise<string[]> {
  if (config.log.kind !== 'kafka') return [];
  const { prefix, partitions, retentionMs } = config.log;
  const there = new Set((await inspectKafka(config.log)).topics.map(({ name }) => name));
  const log = await openLog(config, 'read-write');
  try {
    const specs = topicSpecs(partitions, retentionMs);
    await log.ensureTopics(specs);
    return specs
      .filter(({ name }) => !there.has(prefix + name))
      .map(
        ({ name, partitionCount }) =>
          `made topic ${prefix}${name} with ${formatCounted(partitionCount, 'partition')}`,
      );
  } finally {
    await log.close();
  }
}

async function initialiseStore({ config, types }: Deployment): Promise<string[]> {
  if (config.store.kind !== 'influx') return [];
  const connection = new InfluxConnection(config.store);
  try {
    return await setUpInflux(connection, config.store, [...types.values()]);
  } finally {
    connection.close();
  }
}
