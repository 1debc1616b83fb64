/** Topic templates: which level of an MQTT topic is what. */

/** What a topic says, by its placeholders. */
export interface TopicFields {
  readonly machine: string;
  readonly site: string | undefined;
  readonly line: string | undefined;
  readonly type: string | undefined;
  readonly sensor: string | undefined;
}

const placeholders = ['machine', 'site', 'line', 'type', 'sensor'] as const;
type Placeholder = (typeof placeholders)[number];

/** Longest text of a level that is taken as a name. */
const levelCharsMax = 128;

/** A sentence about what is wrong with a template, or undefined. */
export function templateProblem(template: string, kind: 'readings' | 'events'): string | undefined {
  const seen = new Set<string>();
  for (const level of template.split('/')) {
    if (level === '+') continue;
    if (level === '')
      return `"${template}" has an empty level; remove the slash at its start or end, or the double one`;
    if (level.startsWith('{') && level.endsWith('}')) {
      const name = level.slice(1, -1);
      if (!(placeholders as readonly string[]).includes(name))
        return `{${name}} is not known; use ${placeholders.map((word) => `{${word}}`).join(', ')}`;
      if (seen.has(name)) return `{${name}} occurs twice in "${template}"`;
      seen.add(name);
    } else if (/[{}+#]/.test(level)) {
      return `level "${level}" mixes text with {, }, + or #; a level is one placeholder, or plain text`;
    }
  }
  if (!seen.has('machine')) return `"${template}" has no {machine}; one level must name the machine`;
  if (kind === 'events' && seen.has('sensor')) return `events belong to a machine: remove {sensor}`;
  return undefined;
}

interface CompiledTemplate<T> {
  readonly owner: T;
  /** Per level: its literal text, or undefined where anything fits. */
  readonly literals: readonly (string | undefined)[];
  readonly levelIndexes: Readonly<Partial<Record<Placeholder, number>>>;
  readonly literalCount: number;
}

/** Finds the template of a topic. Of several that fit, the one with more literal levels, then the earlier, wins. */
export class TopicMatcher<T extends { readonly template: string }> {
  readonly #byLevelCount = new Map<number, CompiledTemplate<T>[]>();

  constructor(topics: readonly T[]) {
    for (const topic of topics) {
      const compiled = compileTemplate(topic);
      const count = compiled.literals.length;
      this.#byLevelCount.set(count, [...(this.#byLevelCount.get(count) ?? []), compiled]);
    }
    for (const list of this.#byLevelCount.values()) list.sort((a, b) => b.literalCount - a.literalCount);
  }

  /** The template's owner and what the topic says; or a sentence why the topic is not one of ours. */
  match(topic: string): { readonly owner: T; readonly fields: TopicFields } | string {
    if (topic === '') return 'the topic is empty';
    const levels = topic.split('/');
    const found = this.#byLevelCount
      .get(levels.length)
      ?.find(({ literals }) => literals.every((text, i) => text === undefined || text === levels[i]));
    if (!found)
      return 'no topic template fits this topic; add one under ingest.topics, or do not publish here';
    const field = (name: Placeholder): string | undefined => {
      const index = found.levelIndexes[name];
      return index === undefined ? undefined : levels[index];
    };
    for (const name of placeholders) {
      const problem = levelProblem(name, field(name));
      if (problem !== undefined) return problem;
    }
    return {
      owner: found.owner,
      fields: {
        machine: field('machine') as string,
        site: field('site'),
        line: field('line'),
        type: field('type'),
        sensor: field('sensor'),
      },
    };
  }
}

/**
 * MQTT filters that receive every topic of the templates, none of them covered by another one: a broker may
 * deliver a message once for each filter that fits.
 */
export function topicFilters(templates: readonly string[]): string[] {
  const filters = [...new Set(templates.map((template) => template.replace(/\{\w+\}/g, '+')))];
  return filters.filter((filter) => !filters.some((other) => other !== filter && covers(other, filter)));
}

function covers(wide: string, narrow: string): boolean {
  const wideLevels = wide.split('/');
  const narrowLevels = narrow.split('/');
  return (
    wideLevels.length === narrowLevels.length &&
    wideLevels.every((level, i) => level === '+' || level === narrowLevels[i])
  );
}

function compileTemplate<T extends { readonly template: string }>(owner: T): CompiledTemplate<T> {
  const levels = owner.template.split('/');
  const levelIndexes: Partial<Record<Placeholder, number>> = {};
  const literals = levels.map((level, i) => {
    if (level === '+') return undefined;
    if (!level.startsWith('{')) return level;
    levelIndexes[level.slice(1, -1) as Placeholder] = i;
    return undefined;
  });
  return {
    owner,
    literals,
    levelIndexes,
    literalCount: literals.filter((literal) => literal !== undefined).length,
  };
}

/** Names become keys of the log, tags and columns: no separators of keys, nothing invisible. */
function levelProblem(name: Placeholder, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (value === '') return `the level of {${name}} is empty`;
  if (value.length > levelCharsMax)
    return `the level of {${name}} has ${value.length} characters, more than ${levelCharsMax}`;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < 0x20 || code === 0x7f || code === 0x7c)
      return `the level of {${name}} holds a control character or "|"`;
  }
  return undefined;
}
