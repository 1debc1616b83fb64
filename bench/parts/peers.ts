/**
 * Programs of others that benches run beside ours. Their sources lie in a folder that the bench is given (`--peers`); they are
 * built once, outside of it. Where one cannot be had the bench says so aloud, and gives no ratio.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const buildDir = join(tmpdir(), 'millwright-peers');
const telegrafVersion = 'v1.37.2';

/** Class path of Kafka Streams with the program `Ref`. */
export function buildKafkaStreams(peersDir: string): string | undefined {
  const source = join(peersDir, 'kafka-streams');
  if (!existsSync(source))
    return missing('Kafka Streams', `there is no ${source}; name its folder with --peers`);
  const built = join(buildDir, 'kafka-streams');
  const classPath = `${built}/target/classes:${built}/libs/*`;
  if (existsSync(join(built, 'target/classes/Ref.class'))) return classPath;
  mkdirSync(built, { recursive: true });
  for (const part of ['pom.xml', 'src']) cpSync(join(source, part), join(built, part), { recursive: true });
  const goals = ['package', 'dependency:copy-dependencies', `-DoutputDirectory=${built}/libs`];
  return run('mvn', ['-q', '-B', '-f', join(built, 'pom.xml'), ...goals])
    ? classPath
    : missing('Kafka Streams', 'it cannot be built here: see above');
}

/** The program, with no more than the plugins that are needed. */
export function buildTelegraf(): string | undefined {
  const program = join(buildDir, 'telegraf');
  if (existsSync(program)) return program;
  mkdirSync(buildDir, { recursive: true });
  const tags = 'custom,inputs.mqtt_consumer,outputs.kafka,parsers.json,serializers.influx';
  const module = `github.com/influxdata/telegraf/cmd/telegraf@${telegrafVersion}`;
  return run('go', ['install', '-tags', tags, module], { GOBIN: buildDir })
    ? program
    : missing('Telegraf', 'it cannot be built here: see above');
}

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): boolean {
  console.error(`building a peer: ${command} ${args.join(' ')}`);
  const { status, error } = spawnSync(command, args, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ...env },
  });
  if (error) console.error(error.message);
  return status === 0;
}

function missing(name: string, why: string): undefined {
  console.error(`\n*** ${name.toUpperCase()} IS MISSING: ${why}. There will be no ratio. ***\n`);
}
