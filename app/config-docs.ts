/**
 * Writes what people read about the configuration from the schemas: the guide's tables and the example files. A test
 * compares them with the files in the repository; `node scripts/config-docs.mjs` writes those anew.
 */
import type { $ZodType } from 'zod/v4/core';
import { machineTypeSchema } from '../domain/machine-type.js';
import { datasetSchema } from '../infra/files/dataset-config.js';
import { deploymentSchema } from './config.js';
import { defaultTextOf, optionTable } from './config-options.js';
import { literalOf, shapeOf, unwrap } from './config-schema.js';
import { factorySchema } from './simulate/factory-config.js';

/**
 * What the examples show where a field has no default, by key as in the option table. YAML, flow style. A field that is
 * optional and is shown here appears commented out.
 */
const deploymentExamples: Readonly<Record<string, string>> = {
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
};

const machineTypeExamples: Readonly<Record<string, string>> = {
  name: 'pump',
  description: 'Centrifugal pump of the cooling circuit.',
  'sensors[].name': 'vibration',
  'sensors[].unit': 'mm/s',
  'sensors[].min': '0',
  'sensors[].max': '100',
  'sensors[].aggregates': '[mean, std, max]',
  'sensors[].expectedPerStep': '24',
  'sensors[].stuckAfter': '12',
  attributes: '[{ name: maker, values: [acme, other] }]',
  eventCodes: '[E1, E2]',
  maintenanceKinds: '[seal, bearing]',
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

## Simulated factory

What \`millwright simulate\` makes up. [examples/simulated/factory.yaml](../../examples/simulated/factory.yaml) is one.

${optionTable(factorySchema)}
`;
}

/** YAML lines that show every field of an object schema, each under its description. */
function exampleOf(schema: $ZodType, examples: Readonly<Record<string, string>>, prefix = ''): string[] {
  const shape = shapeOf(unwrap(schema).schema);
  if (shape.kind !== 'object') return [];
  return Object.entries(shape.fields).flatMap(([name, field]) =>
    exampleOfField(name, field, examples, prefix === '' ? name : `${prefix}.${name}`),
  );
}

function exampleOfField(
  name: string,
  field: $ZodType,
  examples: Readonly<Record<string, string>>,
  key: string,
): string[] {
  const { schema, description, required } = unwrap(field);
  const words = wrapComment(description);
  const shape = shapeOf(schema);
  const example = examples[key];
  if (shape.kind === 'object') return [...words, `${name}:`, ...indent(exampleOf(schema, examples, key))];
  if (shape.kind === 'choice' && example === undefined) {
    const chosen = unwrap(field).defaultValue;
    const tag = typeof chosen === 'object' && chosen !== null ? JSON.stringify(chosen) : '';
    const blocks = [...shape.options].map(([word, option]): [boolean, string[]] => {
      const inner = shapeOf(unwrap(option).schema);
      const fields = inner.kind === 'object' ? Object.entries(inner.fields) : [];
      const lines = fields.flatMap(([innerName, innerField]) =>
        innerName === shape.discriminator
          ? [...wrapComment(unwrap(innerField).description), `${innerName}: ${literalOf(innerField)}`]
          : exampleOfField(innerName, innerField, examples, `${key}.${innerName}`),
      );
      return [tag.includes(`"${word}"`), [`${name}:`, ...indent(lines)]];
    });
    const active = blocks.filter(([isDefault]) => isDefault).flatMap(([, lines]) => lines);
    const others = blocks.filter(([isDefault]) => !isDefault).map(([, lines]) => lines);
    return [...words, ...active, ...others.flatMap((lines) => ['# or', ...lines.map((line) => `# ${line}`)])];
  }
  if (
    shape.kind === 'array' &&
    example === undefined &&
    shapeOf(unwrap(shape.element).schema).kind === 'object'
  ) {
    const [first = '', ...rest] = exampleOf(shape.element, examples, `${key}[]`);
    return [...words, `${name}:`, `  - ${first}`, ...rest.map((line) => `    ${line}`)];
  }
  const fallback = defaultTextOf(field);
  if (example !== undefined)
    return [...words, `${required || fallback !== undefined ? '' : '# '}${name}: ${example}`];
  if (fallback !== undefined) return [...words, `${name}: ${fallback}`];
  return [...words, required ? `${name}: # no example: add one to app/config-docs.ts` : `# ${name}:`];
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function wrapComment(text: string | undefined): string[] {
  if (text === undefined) return [];
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + word.length > 100) {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
