/**
 * Reads a YAML (or JSON) file against a zod schema. Everything wrong with the file is reported at once, each with
 * its line and column, the path inside the file, the value got, and what to write instead. `${NAME}` and
 * `${NAME:-default}` in string values are taken from the environment (`$$` is a plain `$`).
 */
import { readFileSync } from 'node:fs';
import { isNode, LineCounter, type Node, type ParsedNode, parseDocument, Scalar, visit } from 'yaml';
import type { z } from 'zod';
import type { $ZodIssue } from 'zod/v4/core';
import { UserError } from '../domain/errors.js';
import { schemaAt, shapeOf, unwrap } from './config-schema.js';
import { suggestion } from './config-suggestion.js';

/** One thing that is wrong with a file. `line` and `column` count from 1. */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Inside the file: `sensors[2].unit`; '' for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Makes a problem of something wrong at a path inside the file that a schema cannot see. */
export type Locate = (path: readonly PropertyKey[], message: string) => Problem;

export type ConfigRead<T> =
  | { readonly ok: true; readonly value: T; readonly locate: Locate }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** The content of `file` as `schema` gives it out, or all that is wrong with it. A file that cannot be read throws. */
export function readYaml<S extends z.ZodType>(
  file: string,
  schema: S,
  environment: Environment = process.env,
): ConfigRead<z.output<S>> {
  return parseYaml(readText(file), file, schema, environment);
}

/** As `readYaml`, but problems are thrown as one UserError that lists them. */
export function loadYaml<S extends z.ZodType>(
  file: string,
  schema: S,
  environment: Environment = process.env,
): z.output<S> {
  const read = readYaml(file, schema, environment);
  if (!read.ok) throw problemsError(read.problems);
  return read.value;
}

/** The sentence for one problem: `plant.yaml:3:5: sensors[0].unti: unknown key; did you mean "unit"?` */
export function formatProblem(problem: Problem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}`;
  return `${place}: ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`;
}

export function problemsError(problems: readonly Problem[]): UserError {
  const [first] = problems;
  if (first !== undefined && problems.length === 1) return new UserError(formatProblem(first));
  const lines = problems.map((problem) => `  ${formatProblem(problem)}`);
  return new UserError(`the configuration has ${problems.length} problems:\n${lines.join('\n')}`);
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const why =
      code === 'ENOENT'
        ? 'there is no such file; check the path, or start from config.example.yaml'
        : code === 'EISDIR'
          ? 'it is a folder; name the YAML file in it'
          : code === 'EACCES'
            ? 'reading it is not permitted; check its permissions'
            : String(error);
    throw new UserError(`cannot read ${file}: ${why}`, { cause: error });
  }
}

/** As `readYaml`, on text that is already there; `file` is for messages. */
export function parseYaml<S extends z.ZodType>(
  text: string,
  file: string,
  schema: S,
  environment: Environment,
): ConfigRead<z.output<S>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problemAt = (offset: number, path: string, message: string): Problem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), path, message };
  };
  if (document.errors.length > 0)
    return {
      ok: false,
      problems: document.errors.map((error) =>
        problemAt(error.pos[0], '', `not valid YAML: ${error.message}`),
      ),
    };
  const fromEnvironment = new Map<Scalar, string>();
  const missing: Problem[] = [];
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('$')) return;
      const written = node.value;
      const filled = fillIn(written, environment);
      for (const name of filled.missing)
        missing.push(
          problemAt(
            node.range?.[0] ?? 0,
            '',
            `the environment has no variable ${name}; set it, or write \${${name}:-default}`,
          ),
        );
      if (filled.text !== written) {
        node.value = filled.text;
        fromEnvironment.set(node, written);
      }
    },
  });
  if (missing.length > 0) return { ok: false, problems: missing };

  const nodeAt = (path: readonly PropertyKey[]): Node | undefined => {
    const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
    return isNode(node) ? node : undefined;
  };
  const locate: Locate = (path, message) => {
    for (let length = path.length; length >= 0; length--) {
      const range = nodeAt(path.slice(0, length))?.range;
      if (range) return problemAt(range[0], formatPath(path), message);
    }
    return problemAt(0, formatPath(path), message);
  };
  const keyOffset = (path: readonly PropertyKey[], key: string): number => {
    const map = nodeAt(path) as ParsedNode | undefined;
    const pair =
      map && 'items' in map
        ? map.items.find((item) => 'key' in item && item.key instanceof Scalar && item.key.value === key)
        : undefined;
    const node: unknown = pair && 'key' in pair ? pair.key : map;
    return (isNode(node) ? node.range?.[0] : undefined) ?? 0;
  };

  // An anchor cannot blow up memory: `yaml` refuses more than 100 expanded aliases.
  let data: unknown;
  try {
    data = document.toJS();
  } catch (error) {
    return { ok: false, problems: [problemAt(0, '', `not usable YAML: ${String(error)}`)] };
  }
  let result = schema.safeParse(data, { reportInput: true });
  if (!result.success && becomeNumbers(result.error.issues, nodeAt, fromEnvironment))
    result = schema.safeParse(document.toJS(), { reportInput: true });
  if (result.success) return { ok: true, value: result.data, locate };

  const problems = result.error.issues.flatMap((issue): Problem[] => {
    if (issue.code === 'unrecognized_keys') {
      const here = schemaAt(schema, issue.path, data);
      const shape = here === undefined ? undefined : shapeOf(unwrap(here).schema);
      const known = shape?.kind === 'object' ? Object.keys(shape.fields) : [];
      return issue.keys.map((key) =>
        problemAt(
          keyOffset(issue.path, key),
          formatPath([...issue.path, key]),
          `unknown key \`${key}\`${suggestion(key, known)}`,
        ),
      );
    }
    const field = schemaAt(schema, issue.path, data);
    const words = field === undefined ? undefined : unwrap(field);
    const node = nodeAt(issue.path);
    const written = node instanceof Scalar ? fromEnvironment.get(node) : undefined;
    const shown = words?.secret ? 'the secret' : written === undefined ? show(issue.input) : `${written}`;
    const about = words?.description === undefined ? '' : ` (${words.description.replace(/\.$/, '')})`;
    return [locate(issue.path, sayIssue(issue, shown) + about)];
  });
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  return { ok: false, problems };
}

/** `${NAME}`, `${NAME:-default}` and `$$`. An empty variable counts as missing, as in a shell's `:-`. */
function fillIn(text: string, environment: Environment): { text: string; missing: string[] } {
  const missing: string[] = [];
  const filled = text.replace(
    /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
    (whole, name: string | undefined, fallback: string | undefined) => {
      if (name === undefined) return '$';
      const value = environment[name];
      if (value !== undefined && value !== '') return value;
      if (fallback !== undefined) return fallback;
      missing.push(name);
      return whole;
    },
  );
  return { text: filled, missing };
}

/** Where a number or a boolean is wanted and the environment gave its text, takes it as one. True if any changed. */
function becomeNumbers(
  issues: readonly $ZodIssue[],
  nodeAt: (path: readonly PropertyKey[]) => Node | undefined,
  fromEnvironment: ReadonlyMap<Scalar, string>,
): boolean {
  let changed = false;
  for (const issue of issues) {
    if (issue.code !== 'invalid_type') continue;
    const node = nodeAt(issue.path);
    if (!(node instanceof Scalar) || !fromEnvironment.has(node) || typeof node.value !== 'string') continue;
    const text = node.value.trim();
    if (
      (issue.expected === 'number' || issue.expected === 'int') &&
      text !== '' &&
      Number.isFinite(Number(text))
    )
      node.value = Number(text);
    else if (issue.expected === 'boolean' && (text === 'true' || text === 'false'))
      node.value = text === 'true';
    else continue;
    changed = true;
  }
  return changed;
}

function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path)
    text += typeof part === 'number' ? `[${part}]` : text === '' ? String(part) : `.${String(part)}`;
  return text;
}

/** A value as a person wrote it, cut at 60 characters. */
function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
  record: 'a group of keys',
};

function sayIssue(issue: $ZodIssue, shown: string): string {
  switch (issue.code) {
    case 'invalid_type': {
      const wanted = kinds[issue.expected] ?? issue.expected;
      return issue.input === undefined ? `is missing; write ${wanted}` : `got ${shown}; write ${wanted}`;
    }
    case 'invalid_value': {
      const words = issue.values.map(String);
      if (issue.input === undefined) return `is missing; write one of ${words.join(', ')}`;
      return `got ${shown}${typeof issue.input === 'string' ? suggestion(issue.input, words) : `; write one of ${words.join(', ')}`}`;
    }
    case 'invalid_union': {
      const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
      if (options.length === 0)
        return issue.input === undefined ? 'is missing' : `got ${shown}, which is none of the forms allowed`;
      const tag =
        'discriminator' in issue && typeof issue.input === 'object' && issue.input !== null
          ? (issue.input as Record<string, unknown>)[String(issue.discriminator)]
          : undefined;
      return typeof tag === 'string'
        ? `got "${tag}"${suggestion(tag, options)}`
        : `is missing; write one of ${options.join(', ')}`;
    }
    case 'too_small':
    case 'too_big': {
      const edge = issue.code === 'too_small' ? issue.minimum : issue.maximum;
      const than = issue.code === 'too_small' ? 'at least' : 'at most';
      const strict = issue.inclusive === false ? ', not equal to it' : '';
      const things = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : '';
      // A schema's own words say more than the bound does.
      if (!/^Too (small|big)/.test(issue.message)) return `got ${shown}; ${issue.message}`;
      return `got ${shown}; write ${than} ${edge}${things}${strict}`;
    }
    case 'invalid_format':
      return `got ${shown}; ${issue.message}`;
    case 'custom':
      // Cross-field rules name their values themselves; a group of keys shown whole would only hide them.
      return typeof issue.input === 'object' || issue.input === undefined
        ? issue.message
        : `got ${shown}; ${issue.message}`;
    default:
      return `got ${shown}; ${issue.message}`;
  }
}
