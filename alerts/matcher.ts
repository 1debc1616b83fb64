/** Conditions on labels, as Alertmanager writes them: `line=hot`, `machine!="press-1"`, `machine=~"press-.*"`, `rule!~near|far`. */
import type { Labels } from './labels.js';

export interface Matcher {
  readonly label: string;
  readonly test: (value: string) => boolean;
}

const pattern = /^\s*([A-Za-z_][A-Za-z0-9_-]*)\s*(=~|!~|!=|=)\s*(.*?)\s*$/s;
/** A repeated group that holds a repetition can take longer than the world lasts. */
const nestedRepetition = /\([^()]*[*+}][^()]*\)[*+{]/;

/** The matcher, or what is wrong with it. An expression must fit the whole value. */
export function parseMatcher(text: string): Matcher | string {
  const [, label, sign, given = ''] = pattern.exec(text) ?? [];
  if (label === undefined)
    return `"${text}" is no matcher; write one such as line=hot or machine=~"press-.*"`;
  const quoted = /^"((?:[^"\\]|\\.)*)"$/s.exec(given)?.[1];
  if (quoted === undefined && given.includes('"')) return `"${text}": the quotes do not match`;
  const value = quoted === undefined ? given : quoted.replace(/\\(["\\])/g, '$1');
  if (sign === '=') return { label, test: (actual) => actual === value };
  if (sign === '!=') return { label, test: (actual) => actual !== value };
  if (nestedRepetition.test(value)) return `"${text}": a repetition within a repetition is not allowed`;
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${value})$`, 's');
  } catch (error) {
    return `"${text}": ${error instanceof Error ? error.message : String(error)}`;
  }
  return sign === '=~'
    ? { label, test: (actual) => expression.test(actual) }
    : { label, test: (actual) => !expression.test(actual) };
}

/** What has been checked before. */
export function matchersOf(texts: readonly string[]): readonly Matcher[] {
  return texts.map(parseMatcher).filter((matcher) => typeof matcher !== 'string');
}

/** A label that is not there counts as empty. */
export function fitsAll(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every(({ label, test }) => test(labels[label] ?? ''));
}
