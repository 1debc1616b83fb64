/** A JSON value on an event topic → events: `{"event": "error", "code"?, "time"?, "by"?, "comment"?, "to"?, "alert"?, "fault"?}` or an array. */
import { type EventKind, type EventRecord, eventKinds, feedbackVerdicts } from '../domain/input.js';
import type { Machine, MachineType } from '../domain/machine-type.js';
import { explainTime, readTimeMs, type TimeRule } from './event-time.js';
import { isObject, type Rejection } from './parse-readings.js';
import { show } from './show.js';

export interface ParsedEvents {
  readonly events: EventRecord[];
  readonly rejected: Rejection[];
}

export interface EventsContext {
  readonly machine: Machine;
  readonly type: MachineType;
  readonly time: TimeRule;
  readonly arrivalMs: number;
  readonly ignoreFields: ReadonlySet<string>;
  readonly readingsMax: number;
}

/** Longest text of each field, in characters. An alert key holds a rule's and a machine's name. */
const charsMax = { code: 512, by: 128, comment: 2000, to: 128, alert: 512, fault: 128 } as const;

/** Events of a parsed payload; or the one reason why the message as a whole is refused. */
export function parseEvents(json: unknown, context: EventsContext): ParsedEvents | Rejection {
  const items: readonly unknown[] = Array.isArray(json) ? json : [json];
  if (items.length === 0)
    return { reason: 'wrong-shape', detail: 'the array is empty: there is no event in it' };
  if (items.length > context.readingsMax)
    return {
      reason: 'payload-too-large',
      detail: `the message has ${items.length} events, more than readingsMax ${context.readingsMax}`,
    };
  const out: ParsedEvents = { events: [], rejected: [] };
  for (const item of items) {
    const event = parseEvent(item, Array.isArray(json), context);
    if ('reason' in event) out.rejected.push({ ...event, item: show(item) });
    else out.events.push(event);
  }
  return out;
}

function parseEvent(item: unknown, timed: boolean, context: EventsContext): EventRecord | Rejection {
  const { machine, time } = context;
  if (!isObject(item))
    return wrongShape(`${show(item)} is no event; write an object such as {"event": "failure"}`);
  for (const key in item)
    if (
      key !== 'event' &&
      key !== time.field &&
      !Object.hasOwn(charsMax, key) &&
      !context.ignoreFields.has(key)
    )
      return wrongShape(
        `field ${show(key)} is not known; an event has event, code, ${time.field}, by, comment, to, alert, fault`,
      );
  const kind = eventKinds.find((word) => word === item.event);
  if (kind === undefined)
    return wrongShape(`"event" is ${show(item.event)}; write one of ${eventKinds.join(', ')}`);
  const { code = '', by = '', comment = '', to = '', alert = '', fault = '' } = item;
  if (
    typeof code !== 'string' ||
    typeof by !== 'string' ||
    typeof comment !== 'string' ||
    typeof to !== 'string' ||
    typeof alert !== 'string' ||
    typeof fault !== 'string'
  )
    return wrongShape(`code, by, comment, to, alert and fault must be text in quotes`);
  for (const [name, text] of Object.entries({ code, by, comment, to, alert, fault }))
    if (text.length > charsMax[name as keyof typeof charsMax])
      return wrongShape(
        `"${name}" has ${text.length} characters, more than ${charsMax[name as keyof typeof charsMax]}`,
      );
  const problem = codeProblem(kind, code, context.type);
  if (problem) return problem;
  if ((kind === 'assign') !== (to !== ''))
    return wrongShape(
      kind === 'assign' ? 'an assignment needs the name of somebody as "to"' : '"to" is for assignments only',
    );
  if ((alert !== '' || fault !== '') && kind !== 'feedback')
    return wrongShape(`"${alert !== '' ? 'alert' : 'fault'}" is for feedback only`);
  const rawTime = item[time.field];
  const eventTimeMs =
    rawTime === undefined && !timed && time.arrivalCounts ? context.arrivalMs : readTimeMs(rawTime, time);
  if (Number.isNaN(eventTimeMs)) return explainTime(rawTime, time);
  return {
    kind: 'event',
    event: kind,
    machine: machine.id,
    type: machine.type,
    site: machine.site,
    line: machine.line,
    eventTimeMs,
    ingestTimeMs: context.arrivalMs,
    code,
    by,
    comment,
    ...(to !== '' && { to }),
    ...(alert !== '' && { alert }),
    ...(fault !== '' && { fault }),
  };
}

function codeProblem(kind: EventKind, code: string, type: MachineType): Rejection | undefined {
  switch (kind) {
    case 'error':
      return type.eventCodes.includes(code)
        ? undefined
        : unknownCode(code, type.name, 'eventCodes', type.eventCodes);
    case 'maintenance':
      // A type without kinds has no ages to reset; the event still closes alerts.
      return type.maintenanceKinds.includes(code) || (code === '' && type.maintenanceKinds.length === 0)
        ? undefined
        : unknownCode(code, type.name, 'maintenanceKinds', type.maintenanceKinds);
    case 'feedback':
      return feedbackVerdicts.some((verdict) => verdict === code)
        ? undefined
        : {
            reason: 'unknown-event-code',
            detail: `feedback ${show(code)} is not known; write true, false or unclear`,
          };
    case 'acknowledge':
    case 'assign':
    case 'comment':
      return code === ''
        ? { reason: 'unknown-event-code', detail: `"${kind}" needs the key of its alert as "code"` }
        : undefined;
    case 'failure':
    case 'retired':
      return undefined;
  }
}

function unknownCode(code: string, type: string, list: string, known: readonly string[]): Rejection {
  const has = known.length === 0 ? 'has none' : `has ${known.slice(0, 12).join(', ')}`;
  return {
    reason: 'unknown-event-code',
    detail: `${show(code)} is not among the ${list} of machine type "${type}", which ${has}`,
  };
}

function wrongShape(detail: string): Rejection {
  return { reason: 'wrong-shape', detail };
}
