/**
 * Reads the text of a condition. Grammar, weakest first:
 *
 *     or:    and { "or" and }                  sum:     product { ("+" | "-") product }
 *     and:   not { "and" not }                 product: unary { ("*" | "/") unary }
 *     not:   "not" not | comparison            unary:   "-" unary | number | name "(" [argument] ")" | "(" or ")"
 *     comparison: sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]
 *
 * Numbers and truths are different types and checked as the text is read.
 */
import { parseDurationMs } from '../domain/duration.js';
import { aggregateNames } from '../domain/machine-type.js';
import { type Condition, curveKindsOf, partsOf, typeOf, type ValueType } from './condition.js';

/** What is wrong with an expression, and where: `column` counts characters from 1. */
export interface ConditionError {
  readonly column: number;
  readonly message: string;
}

/** How a function's argument is made into a part of the tree. */
type Maker =
  | { readonly takes: 'nothing'; readonly make: () => Condition }
  | { readonly takes: 'duration'; readonly make: (withinMs: number) => Condition }
  | { readonly takes: 'sensor'; readonly make: (sensor: string) => Condition }
  | { readonly takes: 'feature'; readonly make: (feature: string) => Condition }
  | {
      readonly takes: 'feature and duration';
      readonly make: (feature: string, overMs: number) => Condition;
    }
  | { readonly takes: 'number'; readonly make: (of: Condition) => Condition };

const status = (word: Extract<Condition, { kind: 'status' }>['status']): Maker => ({
  takes: 'nothing',
  make: () => ({ kind: 'status', status: word }),
});
const plain = (
  kind:
    | 'expected-day'
    | 'limit-day'
    | 'coverage'
    | 'silent-sensors'
    | 'stuck-sensors'
    | 'health-index'
    | 'age',
): Maker => ({
  takes: 'nothing',
  make: () => ({ kind }),
});

const functions: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  [
    'failure_probability',
    { takes: 'duration', make: (withinMs) => ({ kind: 'failure-probability', withinMs }) },
  ],
  ['expected_day', plain('expected-day')],
  ['limit_probability', { takes: 'duration', make: (withinMs) => ({ kind: 'limit-probability', withinMs }) }],
  ['limit_day', plain('limit-day')],
  ['change', { takes: 'number', make: (of) => ({ kind: 'change', of }) }],
  ['coverage', plain('coverage')],
  ['silent', { takes: 'sensor', make: (sensor) => ({ kind: 'silent', sensor }) }],
  ['silent_sensors', plain('silent-sensors')],
  ['stuck', { takes: 'sensor', make: (sensor) => ({ kind: 'stuck', sensor }) }],
  ['stuck_sensors', plain('stuck-sensors')],
  ['health_index', plain('health-index')],
  ['age', plain('age')],
  ['value', { takes: 'feature', make: (feature) => ({ kind: 'value', feature }) }],
  [
    'drift',
    { takes: 'feature and duration', make: (feature, overMs) => ({ kind: 'drift', feature, overMs }) },
  ],
  ['provisional', status('provisional')],
  ['final', status('final')],
  ['fallback', status('fallback')],
  ['not_assessable', status('not-assessable')],
]);

class Refused extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

export function parseCondition(text: string): Condition | ConditionError {
  try {
    const reader = new Reader(text);
    const condition = reader.or();
    reader.end();
    if (curveKindsOf(condition).length > 1)
      return {
        column: 1,
        message:
          'no forecast is of failures (failure_probability, expected_day) and of the health index (limit_probability, limit_day) at once; write a rule for each',
      };
    return condition;
  } catch (error) {
    if (error instanceof Refused) return { column: error.at + 1, message: error.message };
    throw error;
  }
}

const depthMax = 50;

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  or(): Condition {
    if (++this.#depth > depthMax) throw new Refused(this.#begin(), `nested deeper than ${depthMax}`);
    const condition = this.#chain('or', () => this.#chain('and', () => this.#not()));
    this.#depth--;
    return condition;
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length)
      throw new Refused(this.#at, `nothing may follow the condition, found ${this.#found()}`);
  }

  #chain(word: 'and' | 'or', next: () => Condition): Condition {
    let begin = this.#begin();
    let left = next();
    while (this.#word(word)) {
      this.#want(left, 'truth', begin, `"${word}" joins`);
      begin = this.#begin();
      const right = next();
      this.#want(right, 'truth', begin, `"${word}" joins`);
      left = { kind: word, left, right };
    }
    return left;
  }

  #not(): Condition {
    if (!this.#word('not')) return this.#comparison();
    if (++this.#depth > depthMax) throw new Refused(this.#begin(), `nested deeper than ${depthMax}`);
    const begin = this.#begin();
    const of = this.#not();
    this.#depth--;
    this.#want(of, 'truth', begin, '"not" is of');
    return { kind: 'not', of };
  }

  #comparison(): Condition {
    const begin = this.#begin();
    const left = this.#sum();
    const operator = this.#sign(/^(<=|>=|==|!=|<|>)/) as Extract<Condition, { kind: 'compare' }>['operator'];
    if (!operator) return left;
    this.#want(left, 'number', begin, `"${operator}" compares`);
    const from = this.#begin();
    const right = this.#sum();
    this.#want(right, 'number', from, `"${operator}" compares`);
    return { kind: 'compare', operator, left, right };
  }

  #sum(): Condition {
    return this.#operations(/^[+-]/, () => this.#operations(/^[*/]/, () => this.#unary()));
  }

  #operations(signs: RegExp, next: () => Condition): Condition {
    let begin = this.#begin();
    let left = next();
    for (;;) {
      const operator = this.#sign(signs) as Extract<Condition, { kind: 'arithmetic' }>['operator'];
      if (!operator) return left;
      this.#want(left, 'number', begin, `"${operator}" is of`);
      begin = this.#begin();
      const right = next();
      this.#want(right, 'number', begin, `"${operator}" is of`);
      left = { kind: 'arithmetic', operator, left, right };
    }
  }

  #unary(): Condition {
    if (this.#sign(/^-/)) {
      const begin = this.#begin();
      const number = /^\d/.test(this.#text.slice(begin)) ? this.#number() : undefined;
      if (number === undefined)
        throw new Refused(begin, `expected a number after "-", found ${this.#found()}`);
      return { kind: 'number', value: -number };
    }
    const begin = this.#begin();
    const number = this.#number();
    if (number !== undefined) return { kind: 'number', value: number };
    if (this.#sign(/^\(/)) {
      const condition = this.or();
      this.#expect(')');
      return condition;
    }
    return this.#call(begin);
  }

  #call(begin: number): Condition {
    const name = /^[A-Za-z_]\w*/.exec(this.#text.slice(begin))?.[0] ?? '';
    const maker = functions.get(name);
    if (!maker)
      throw new Refused(
        begin,
        `write a number or one of ${[...functions.keys()].map((known) => `${known}(…)`).join(', ')}, not ${this.#found()}`,
      );
    this.#at += name.length;
    this.#expect('(', ` after ${name}`);
    const condition = this.#argument(maker);
    this.#expect(')');
    return condition;
  }

  #argument(maker: Maker): Condition {
    const begin = this.#begin();
    switch (maker.takes) {
      case 'nothing':
        return maker.make();
      case 'duration':
        return maker.make(this.#duration('ahead such as 14d or 12h'));
      case 'feature':
        return maker.make(this.#feature());
      case 'feature and duration': {
        const feature = this.#feature();
        this.#expect(',', ` after "${feature}"`);
        return maker.make(feature, this.#duration('such as 7d or 12h'));
      }
      case 'sensor': {
        const word = this.#take(/^"[^"]+"/);
        if (word === '')
          throw new Refused(begin, `expected a sensor such as "speed", found ${this.#found()}`);
        return maker.make(word.slice(1, -1));
      }
      case 'number': {
        const of = this.or();
        this.#want(of, 'number', begin, 'this is of');
        if ([...partsOf(of)].some(({ kind }) => kind === 'change'))
          throw new Refused(begin, 'a change of a change is not known');
        return maker.make(of);
      }
    }
  }

  #duration(what: string): number {
    const begin = this.#begin();
    const word = this.#take(/^[^\s)]*/);
    const ms = parseDurationMs(word);
    if (ms !== undefined && ms > 0) return ms;
    throw new Refused(begin, `expected a time ${what}, found ${word === '' ? this.#found() : `"${word}"`}`);
  }

  /** Names of sensors may hold dots, those of aggregates do not. */
  #feature(): string {
    const begin = this.#begin();
    const word = this.#take(/^"[^"]+"/).slice(1, -1);
    if (word === '')
      throw new Refused(
        begin,
        `expected a sensor and its aggregate such as "speed.mean", found ${this.#found()}`,
      );
    if (!aggregateNames.some((name) => word.endsWith(`.${name}`) && word.length > name.length + 1))
      throw new Refused(
        begin,
        `"${word}" must be a sensor and one of ${aggregateNames.join(', ')}, such as "speed.mean"`,
      );
    return word;
  }

  #number(): number | undefined {
    const word = this.#take(/^\d+(\.\d+)?(?![\w.])/);
    return word === '' ? undefined : Number(word);
  }

  #want(condition: Condition, type: ValueType, at: number, who: string): void {
    if (typeOf(condition) === type) return;
    const [wanted, got] =
      type === 'truth' ? ['what is true or false', 'a number'] : ['numbers', 'true or false'];
    throw new Refused(at, `${who} ${wanted}, and this is ${got}`);
  }

  #expect(sign: string, where = ''): void {
    this.#skip();
    if (this.#text[this.#at] !== sign)
      throw new Refused(this.#at, `expected "${sign}"${where}, found ${this.#found()}`);
    this.#at++;
  }

  #word(word: string): boolean {
    this.#skip();
    return this.#take(new RegExp(`^${word}(?!\\w)`)) !== '';
  }

  #sign(signs: RegExp): string {
    this.#skip();
    return this.#take(signs);
  }

  #take(what: RegExp): string {
    const word = what.exec(this.#text.slice(this.#at))?.[0] ?? '';
    this.#at += word.length;
    return word;
  }

  #begin(): number {
    this.#skip();
    return this.#at;
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #found(): string {
    return this.#at < this.#text.length ? `"${this.#text.slice(this.#at)}"` : 'the end';
  }
}
