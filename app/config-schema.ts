/**
 * Looks into zod schemas: which fields there are, what a path leads to, what a field defaults to. The one place that
 * knows zod's inner definitions; error messages, the option table and the example file are made from it.
 */
import { z } from 'zod';
import type { $ZodType } from 'zod/v4/core';
import { durationMs } from '../domain/duration.js';

/** A field's schema without its wrappers, and what the wrappers said. */
export interface Unwrapped {
  /** The bare schema: object, array, record, union, string, number, enum, literal, boolean, ... */
  readonly schema: $ZodType;
  readonly description: string | undefined;
  /** False where the field may be left out. */
  readonly required: boolean;
  /** What holds when it is left out, in the form that the schema gives out (durations in ms); undefined: nothing. */
  readonly defaultValue: unknown;
  readonly secret: boolean;
}

function wordsOf(schema: $ZodType): { description?: string | undefined; secret?: unknown } {
  return z.globalRegistry.get(schema) ?? {};
}

/** Takes off `optional`, `default`, `prefault`, `nullable`, `readonly` and what comes after a transform. */
export function unwrap(schema: $ZodType): Unwrapped {
  let bare = schema;
  let description: string | undefined;
  let required = true;
  let defaultValue: unknown;
  let secret = false;
  for (;;) {
    const words = wordsOf(bare);
    description ??= words.description;
    secret ||= words.secret === true;
    const def = (bare as z.core.$ZodTypes)._zod.def;
    if (def.type === 'default' || def.type === 'prefault') {
      required = false;
      defaultValue ??= def.defaultValue;
      bare = def.innerType;
    } else if (def.type === 'optional') {
      required = false;
      bare = def.innerType;
    } else if (def.type === 'nullable' || def.type === 'readonly' || def.type === 'nonoptional') {
      bare = def.innerType;
    } else if (def.type === 'pipe') {
      bare = def.in;
    } else {
      return { schema: bare, description, required, defaultValue, secret };
    }
  }
}

/** What a bare schema consists of. */
export type Shape =
  | { readonly kind: 'object'; readonly fields: Readonly<Record<string, $ZodType>> }
  | { readonly kind: 'array'; readonly element: $ZodType }
  | { readonly kind: 'record'; readonly value: $ZodType }
  /** Objects told apart by the literal in the field `discriminator`. */
  | {
      readonly kind: 'choice';
      readonly discriminator: string;
      readonly options: ReadonlyMap<string, $ZodType>;
    }
  | { readonly kind: 'leaf'; readonly type: string };

/** `schema` must be bare (see `unwrap`). */
export function shapeOf(schema: $ZodType): Shape {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  if (def.type === 'object') return { kind: 'object', fields: def.shape };
  if (def.type === 'array') return { kind: 'array', element: def.element };
  if (def.type === 'record') return { kind: 'record', value: def.valueType };
  if (def.type === 'union' && 'discriminator' in def && typeof def.discriminator === 'string') {
    const options = new Map<string, $ZodType>();
    for (const option of def.options) {
      const shape = shapeOf(unwrap(option).schema);
      const tag = shape.kind === 'object' ? shape.fields[def.discriminator] : undefined;
      const word = tag === undefined ? undefined : literalOf(tag);
      if (word !== undefined) options.set(word, option);
    }
    return { kind: 'choice', discriminator: def.discriminator, options };
  }
  return { kind: 'leaf', type: describeLeaf(schema) };
}

/** True for a field made from `durationMs` of `domain/duration.ts`: known by its pattern. */
export function isDuration(field: $ZodType): boolean {
  const pattern = patternOf(field);
  return pattern !== undefined && pattern === patternOf(durationMs);
}

function patternOf(field: $ZodType): string | undefined {
  const def = (unwrap(field).schema as z.core.$ZodTypes)._zod.def;
  if (def.type !== 'string') return undefined;
  for (const check of def.checks ?? []) {
    const of = (check as z.core.$ZodChecks)._zod.def;
    if (of.check === 'string_format') return String(of.pattern);
  }
  return undefined;
}

/** The word of a literal schema. */
export function literalOf(schema: $ZodType): string | undefined {
  const def = (unwrap(schema).schema as z.core.$ZodTypes)._zod.def;
  return def.type === 'literal' ? String(def.values[0]) : undefined;
}

/** What a person may write there: "text", "number", `"a"` or `"b"`. */
function describeLeaf(schema: $ZodType): string {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'enum':
      return Object.values(def.entries)
        .map((word) => `"${word}"`)
        .join(' or ');
    case 'literal':
      return def.values.map((word) => JSON.stringify(word)).join(' or ');
    case 'string':
      return 'text';
    case 'number':
      return 'number';
    case 'boolean':
      return 'true or false';
    case 'lazy':
      return 'group';
    case 'union':
      return def.options.map((option) => describeLeaf(unwrap(option).schema)).join(' or ');
    default:
      return def.type;
  }
}

/**
 * The schema that `path` leads to, choosing among the options of a choice by what `data` says; undefined where the
 * path leaves the schema.
 */
export function schemaAt(
  schema: $ZodType,
  path: readonly PropertyKey[],
  data: unknown,
): $ZodType | undefined {
  let shape = shapeOf(unwrap(schema).schema);
  if (shape.kind === 'choice') {
    const tag = fieldOf(data, shape.discriminator);
    const option = typeof tag === 'string' ? shape.options.get(tag) : undefined;
    if (option === undefined) return path.length === 0 ? schema : undefined;
    if (path.length === 0) return option;
    shape = shapeOf(unwrap(option).schema);
  }
  const [head, ...rest] = path;
  if (head === undefined) return schema;
  const next =
    shape.kind === 'object'
      ? shape.fields[String(head)]
      : shape.kind === 'array'
        ? shape.element
        : shape.kind === 'record'
          ? shape.value
          : undefined;
  return next === undefined ? undefined : schemaAt(next, rest, fieldOf(data, head));
}

function fieldOf(data: unknown, key: PropertyKey): unknown {
  return typeof data === 'object' && data !== null ? (data as Record<PropertyKey, unknown>)[key] : undefined;
}
