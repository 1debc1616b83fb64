/** Lists every option of a schema, in the order of the schema: what the table in the guide and the example show. */
import type { $ZodType } from 'zod/v4/core';
import { isDuration, shapeOf, unwrap } from './config-schema.js';

export interface Option {
  /** `mqtt.port`, `machines[].match`, `machines[].attributes.<name>`. */
  readonly key: string;
  /** "text", "number", `"a" or "b"`, "list of text", "group". */
  readonly type: string;
  readonly required: boolean;
  /** As a person writes it in YAML; undefined where there is none. */
  readonly defaultText: string | undefined;
  readonly description: string;
  /** The choice it belongs to: `mqtt.kind: client`; '' for all. */
  readonly onlyWith: string;
}

/** Milliseconds as the shortest exact text of `domain/duration.ts`: 90000 → "90s", 86400000 → "1d". */
export function durationText(ms: number): string {
  const units: readonly [string, number][] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ];
  if (ms === 0) return '0s';
  for (const [unit, size] of units) if (ms % size === 0) return `${ms / size}${unit}`;
  return `${ms}ms`;
}

/** The default of a field as YAML (flow style), or undefined. Durations as text. */
export function defaultTextOf(field: $ZodType): string | undefined {
  const { defaultValue } = unwrap(field);
  if (defaultValue === undefined) return undefined;
  if (typeof defaultValue === 'number' && isDuration(field)) return durationText(defaultValue);
  if (typeof defaultValue === 'string' && /^[A-Za-z0-9._/-]+$/.test(defaultValue)) return defaultValue;
  return JSON.stringify(defaultValue);
}

export function listOptions(schema: $ZodType, prefix = '', onlyWith = ''): Option[] {
  const bare = unwrap(schema).schema;
  const shape = shapeOf(bare);
  switch (shape.kind) {
    case 'object':
      return Object.entries(shape.fields).flatMap(([name, field]) =>
        listField(field, prefix === '' ? name : `${prefix}.${name}`, onlyWith),
      );
    case 'array':
      return listOptions(shape.element, `${prefix}[]`, onlyWith);
    case 'record':
      return listField(shape.value, `${prefix}.<name>`, onlyWith);
    case 'choice': {
      const tagKey = prefix === '' ? shape.discriminator : `${prefix}.${shape.discriminator}`;
      const words = [...shape.options.keys()].map((word) => `"${word}"`).join(' or ');
      const tag: Option = {
        key: tagKey,
        type: words,
        required: true,
        defaultText: defaultTag(schema, shape.discriminator),
        description: [...shape.options]
          .map(([word, option]) => ({ word, words: tagWords(option, shape.discriminator) }))
          .filter(({ words }) => words !== '')
          .map(({ word, words }) => `"${word}": ${words}`)
          .join(' '),
        onlyWith,
      };
      const others = [...shape.options].flatMap(([word, option]) =>
        listOptions(option, prefix, `${tagKey}: ${word}`).filter((inner) => inner.key !== tag.key),
      );
      return [tag, ...others];
    }
    case 'leaf':
      return [];
  }
}

function defaultTag(field: $ZodType, discriminator: string): string | undefined {
  const value = unwrap(field).defaultValue;
  const word = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  const tag = word.find(([name]) => name === discriminator)?.[1];
  return tag === undefined ? undefined : String(tag);
}

function tagWords(option: $ZodType, discriminator: string): string {
  const shape = shapeOf(unwrap(option).schema);
  const tag = shape.kind === 'object' ? shape.fields[discriminator] : undefined;
  return (tag === undefined ? undefined : unwrap(tag).description) ?? '';
}

function listField(field: $ZodType, key: string, onlyWith: string): Option[] {
  const { schema, required, description } = unwrap(field);
  const shape = shapeOf(schema);
  const inner = listOptions(field, key, onlyWith);
  if (shape.kind === 'object' || shape.kind === 'choice') return inner;
  const own: Option = {
    key,
    type: typeText(field),
    required,
    defaultText: defaultTextOf(field),
    description: description ?? '',
    onlyWith,
  };
  return [own, ...inner];
}

function typeText(field: $ZodType): string {
  const shape = shapeOf(unwrap(field).schema);
  switch (shape.kind) {
    case 'object':
    case 'choice':
      return 'group';
    case 'record':
      return 'group of names';
    case 'array': {
      const inner = typeText(shape.element);
      return inner === 'group' ? 'list of groups' : `list of ${inner}`;
    }
    case 'leaf': {
      return shape.type === 'text' && isDuration(field) ? 'duration such as "30s"' : shape.type;
    }
  }
}

/** Markdown table of all options of a schema, padded as the formatter pads it. */
export function optionTable(schema: $ZodType): string {
  const rows = listOptions(schema).map((option) => {
    const only = option.onlyWith === '' ? '' : ` Only with \`${option.onlyWith}\`.`;
    const fallback =
      option.defaultText === undefined ? (option.required ? '_required_' : '–') : `\`${option.defaultText}\``;
    return [`\`${option.key}\``, option.type, fallback, (option.description + only).trim()].map((text) =>
      text.replaceAll('|', '\\|').replaceAll('\n', ' '),
    );
  });
  const table = [['key', 'type', 'default', 'what it does'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  const lines = table.map(
    (row) => `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  return lines.join('\n');
}
