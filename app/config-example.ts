/** A YAML file that shows every field of a schema under its description, with its default, written from the schema. */
import type { $ZodType } from 'zod/v4/core';
import { defaultTextOf } from './config-options.js';
import { literalOf, type Shape, shapeOf, unwrap } from './config-schema.js';

/**
 * What to show where a field has no default: YAML, flow style, by key as in the option table (`machines[].match`). In a
 * list of several kinds the kind stands between the brackets (`alerts.notifiers[webhook].url`).
 */
export type Examples = Readonly<Record<string, string>>;

type Choice = Extract<Shape, { kind: 'choice' }>;

/**
 * Lines for every field of an object schema. What is active is what holds without the file, and what must be given;
 * everything else is commented out: fields without a default, and all but the default of several kinds.
 */
export function exampleOf(schema: $ZodType, examples: Examples, prefix = ''): string[] {
  const shape = shapeOf(unwrap(schema).schema);
  if (shape.kind !== 'object') return [];
  return Object.entries(shape.fields).flatMap(([name, field]) =>
    exampleOfField(name, field, examples, prefix === '' ? name : `${prefix}.${name}`),
  );
}

function exampleOfField(name: string, field: $ZodType, examples: Examples, key: string): string[] {
  const { schema, description, required, defaultValue } = unwrap(field);
  const words = wrapComment(description);
  const shape = shapeOf(schema);
  const example = examples[key];
  const active = required || defaultValue !== undefined;
  const group = (inner: readonly string[]) => {
    const lines = [`${name}:`, ...indent(inner)];
    return [...words, ...(active ? lines : commentOut(lines))];
  };
  if (shape.kind === 'object') return group(exampleOf(schema, examples, key));
  if (example !== undefined) return [...words, `${active ? '' : '# '}${name}: ${example}`];
  if (shape.kind === 'choice') {
    const blocks = blocksOf(shape, tagOf(defaultValue, shape), examples, () => key);
    const lines = (block: readonly string[]) => [`${name}:`, ...indent(block)];
    return [
      ...words,
      ...(blocks.active ? lines(blocks.active) : []),
      ...blocks.others.flatMap((block) => ['# or', ...commentOut(lines(block))]),
    ];
  }
  if (shape.kind === 'array') {
    const list = listOf(shape.element, defaultValue, examples, key);
    if (list.length > 0) return group(list);
  }
  const fallback = defaultTextOf(field);
  if (fallback !== undefined) return [...words, `${name}: ${fallback}`];
  return [...words, required ? `${name}: # no example: add one to app/config-docs.ts` : `# ${name}:`];
}

/**
 * A list of groups: the first with every field described, then the others of the default in one line each; a list of
 * several kinds: the default's kind, the others commented out. No lines for a list of plain values.
 */
function listOf(element: $ZodType, defaultValue: unknown, examples: Examples, key: string): string[] {
  const shape = shapeOf(unwrap(element).schema);
  const [first, ...rest]: readonly unknown[] = Array.isArray(defaultValue) ? defaultValue : [];
  if (shape.kind === 'object') {
    const given = Object.entries(first ?? {}).map(([name, value]) => [`${key}[].${name}`, flow(value)]);
    return [
      ...listItem(exampleOf(element, { ...Object.fromEntries(given), ...examples }, `${key}[]`)),
      ...rest.map((item) => `- ${flow(item)}`),
    ];
  }
  if (shape.kind !== 'choice') return [];
  const blocks = blocksOf(shape, tagOf(first, shape), examples, (word) => `${key}[${word}]`);
  return [
    ...(blocks.active ? listItem(blocks.active) : []),
    ...blocks.others.flatMap((block) => ['# or', ...commentOut(listItem(block))]),
  ];
}

function blocksOf(
  shape: Choice,
  chosen: string | undefined,
  examples: Examples,
  keyOf: (word: string) => string,
): { readonly active: readonly string[] | undefined; readonly others: readonly (readonly string[])[] } {
  const blocks = [...shape.options].map(([word, option]) => {
    const inner = shapeOf(unwrap(option).schema);
    const fields = inner.kind === 'object' ? Object.entries(inner.fields) : [];
    const lines = fields.flatMap(([name, field]) =>
      name === shape.discriminator
        ? [...wrapComment(unwrap(field).description), `${name}: ${literalOf(field)}`]
        : exampleOfField(name, field, examples, `${keyOf(word)}.${name}`),
    );
    return { word, lines };
  });
  return {
    active: blocks.find(({ word }) => word === chosen)?.lines,
    others: blocks.filter(({ word }) => word !== chosen).map(({ lines }) => lines),
  };
}

function tagOf(value: unknown, { discriminator }: Choice): string | undefined {
  const tag = Object.entries(value ?? {}).find(([name]) => name === discriminator)?.[1];
  return tag === undefined ? undefined : String(tag);
}

/** A value as YAML flow, as a person writes it: spaces inside braces, quotes only where a text needs them. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([name, inner]) => `${name}: ${flow(inner)}`)
      .join(', ')} }`;
  return typeof value === 'string' && /^[A-Za-z][A-Za-z0-9._/-]*$/.test(value)
    ? value
    : JSON.stringify(value);
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function listItem([first = '', ...rest]: readonly string[]): string[] {
  return [`- ${first}`, ...indent(rest)];
}

function commentOut(lines: readonly string[]): string[] {
  return lines.map((line) => `# ${line}`);
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
