/**
 * Writes what people read about the configuration from the schemas: the guide's tables and the example files. A test
 * compares them with the files in the repository; `node scripts/config-docs.mjs` writes those anew.
 */
import { machineTypeSchema } from '../domain/machine-type.js';
import { datasetSchema } from '../infra/files/dataset-config.js';
import { trainingConfigSchema } from '../model/config.js';
import { deploymentSchema } from './config.js';
import { type Examples, exampleOf } from './config-example.js';
import { optionTable } from './config-options.js';
import { factorySchema } from './simulate/factory-config.js';
import { walkProtocolSchema } from './walk/protocol.js';

const deploymentExamples: Examples = {
  machineTypes: '[examples/simulated/press.yaml]',
  'machines[].match': '"press-*"',
  'machines[].type': 'press',
  'machines[].site': 'north',
  'machines[].line': 'line-1',
  'machines[].attributes': '{ maker: acme }',
  'mqtt.url': 'mqtts://broker.example:8883',
  'mqtt.username': 'millwright',
  'mqtt.password': `"\${MQTT_PASSWORD}"`,
  'mqtt.caFile': 'certificates/ca.pem',
  'mqtt.certFile': 'certificates/client.pem',
  'mqtt.keyFile': 'certificates/client.key',
  'mqtt.sharedGroup': 'millwright-ingest',
  'log.brokers': '["kafka-1.example:9093", "kafka-2.example:9093"]',
  'log.replicationFactor': '3',
  'log.minInsyncReplicas': '2',
  'log.caFile': 'certificates/ca.pem',
  'log.certFile': 'certificates/client.pem',
  'log.keyFile': 'certificates/client.key',
  'log.username': 'millwright',
  'log.password': `"\${KAFKA_PASSWORD}"`,
  'log.tokenUrl': 'https://identity.example/oauth2/token',
  'log.tokenScope': 'kafka',
  'store.url': 'http://influxdb.example:8086',
  'store.retentionMs': '730d',
  'store.username': 'millwright',
  'store.password': `"\${INFLUX_PASSWORD}"`,
  'store.caFile': 'certificates/ca.pem',
  'ingest.topics[].timeField': 'ts',
  'ingest.topics[].timeUnit': 's',
  'ingest.tooOldMs': '30d',
  'alerts.rules[].name': 'bearing-soon',
  'alerts.rules[].types': '[press]',
  'alerts.rules[].condition': 'failure_probability(14d)',
  'alerts.rules[].severities[].name': 'warning',
  'alerts.rules[].severities[].set': '0.4',
  'alerts.rules[].severities[].reset': '0.3',
  'alerts.rules[].when': 'not fallback()',
  'alerts.rules[].minimumCoverage': '0.5',
  'alerts.rules[].holds.times': '3',
  'alerts.rules[].holds.of': '5',
  'alerts.rules[].notAssessableAfter': '3d',
  'alerts.rules[].summary': `"{machine}: {condition} {value}, {expected}."`,
  'alerts.notifiers[log].name': 'log',
  'alerts.notifiers[webhook].name': 'maintenance-system',
  'alerts.notifiers[webhook].url': 'https://maintenance.example/alerts',
  'alerts.notifiers[webhook].secret': `"\${WEBHOOK_SECRET}"`,
  'alerts.notifiers[alertmanager].name': 'alertmanager',
  'alerts.notifiers[alertmanager].url': 'http://localhost:9093',
  'alerts.notifiers[mqtt].name': 'plant-broker',
  'alerts.notifiers[email].name': 'mail',
  'alerts.notifiers[email].host': 'mail.example.com',
  'alerts.notifiers[email].caFile': 'certificates/ca.pem',
  'alerts.notifiers[email].username': 'millwright',
  'alerts.notifiers[email].password': `"\${SMTP_PASSWORD}"`,
  'alerts.notifiers[email].from': 'millwright@example.com',
  'alerts.notifiers[email].to': '[kim@example.com]',
  'alerts.notifiers[kafka].name': 'bus',
  'alerts.notifiers[kafka].topic': 'plant.alerts',
  'alerts.notifiers[kafka].brokers': '[localhost:9092]',
  'alerts.routes[].notifiers': '[log]',
  'alerts.routes[].match': '[line=hot, machine=~"press-.*"]',
  'alerts.routes[].minSeverity': 'warning',
  'alerts.routes[].groupBy': '[line]',
  'alerts.routes[].muteTimes': '[night]',
  'alerts.routes[].activeTimes': '[night]',
  'alerts.routes[].routes': '[{ match: [line=cold], groupBy: [machine] }]',
  'alerts.timeIntervals[].name': 'night',
  'alerts.timeIntervals[].timeZone': 'Europe/Berlin',
  'alerts.timeIntervals[].intervals[].times':
    '[{ start: "22:00", end: "24:00" }, { start: "00:00", end: "06:00" }]',
  'alerts.timeIntervals[].intervals[].weekdays': '["monday:friday"]',
  'alerts.timeIntervals[].intervals[].daysOfMonth': '["1:5", "-1"]',
  'alerts.timeIntervals[].intervals[].months': '[may:august]',
  'alerts.timeIntervals[].intervals[].years': '["2027"]',
  'alerts.maintenanceWindows[].name': 'lubrication',
  'alerts.maintenanceWindows[].match': '[line=hot]',
  'alerts.maintenanceWindows[].times': '[night]',
  'alerts.inhibit[].source': '[severity=critical]',
  'alerts.inhibit[].target': '[severity=warning]',
};

const machineTypeExamples: Examples = {
  name: 'pump',
  description: 'Centrifugal pump of the cooling circuit.',
  'sensors[].name': 'vibration',
  'sensors[].unit': 'mm/s',
  'sensors[].min': '0',
  'sensors[].max': '100',
  'sensors[].aggregates': '[mean, std, max]',
  'sensors[].expectedPerStep': '24',
  'sensors[].stuckAfter': '12',
  'sensors[].forecast': 'true',
  'sensors[].lowLimit': '0.2',
  'sensors[].highLimit': '7.1',
  attributes: '[{ name: maker, values: [acme, other] }, { name: weight, unit: t }]',
  eventCodes: '[E1, E2]',
  maintenanceKinds: '[seal, bearing]',
  'plannedVisits.everySteps': '15',
  'step.durationMs': '1h',
  graceMs: '1h',
  provisionalEveryMs: '6h',
  contextSteps: '60',
};

export const exampleFiles: Readonly<Record<string, () => string>> = {
  'config.example.yaml': () =>
    [
      '# Every option of a deployment with its default, generated from the schemas: copy what you want to change.',
      `# Lines that are commented out show options without a default. \${NAME} takes a value from the environment.`,
      '# Check a file with: millwright config check FILE',
      '',
      ...exampleOf(deploymentSchema, deploymentExamples),
      '',
    ].join('\n'),
  'examples/machine-type.example.yaml': () =>
    [
      '# Every option of a machine type, generated from the schema. Check a file with: millwright config check FILE',
      '',
      ...exampleOf(machineTypeSchema, machineTypeExamples),
      '',
    ].join('\n'),
  'docs/guide/configuration.md': configurationGuide,
};

function configurationGuide(): string {
  return `# Configuration

Generated from the schemas in the code (\`node scripts/config-docs.mjs\` after a build writes it anew; a test fails when it is
stale). Unknown keys are errors. Durations are a number and a unit of ms, s, m, h or d (24 hours), such as \`90s\` or \`1.5h\`.
\`\${NAME}\` in a value is taken from the environment, \`\${NAME:-default}\` with a default, \`$$\` is a plain \`$\`; keep
secrets there. Paths are relative to the file that they stand in.

\`millwright config check FILE\` says all that is wrong with a file at once, with line, column, the value and what to write
instead; it exits with 0 when the file is good and with 2 when it is not. \`millwright config schema deployment\` and
\`millwright config schema machine-type\` print a JSON Schema, which editors complete and check from: with the YAML language
server, put this into the first line of the file:

\`\`\`yaml
# yaml-language-server: $schema=./deployment.schema.json
\`\`\`

## Deployment

One file for a plant. [config.example.yaml](../../config.example.yaml) holds every option with its default.

${optionTable(deploymentSchema)}

## Machine type

One file for each kind of machine: everything that the pipeline must know about it follows from this file.
[machine-type.example.yaml](../../examples/machine-type.example.yaml) holds every option.

${optionTable(machineTypeSchema)}

## Data set

Where recorded history lies, for training, backtests and replays. [examples/demo/train.yaml](../../examples/demo/train.yaml) is one.

${optionTable(datasetSchema)}

## Training settings

What \`millwright train --training FILE\` reads; without a file the defaults hold.

${optionTable(trainingConfigSchema)}

## Simulated factory

What \`millwright simulate\` makes up. [examples/simulated/factory.yaml](../../examples/simulated/factory.yaml) is one.

${optionTable(factorySchema)}

## Walk-forward backtest

What \`millwright backtest walk --protocol FILE\` reads ([the guide](commands.md#backtest-walk) has an example). A step is a day, unless the
machine type says otherwise.

${optionTable(walkProtocolSchema)}
`;
}
