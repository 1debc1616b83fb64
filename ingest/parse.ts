/** One MQTT message → the records that the log gets for it. Reads no clock, keeps nothing but caches. */
import { Buffer } from 'node:buffer';
import type { InputRecord, RejectedRecord } from '../domain/input.js';
import type { MachineDirectory } from '../domain/machine-directory.js';
import type { Machine, MachineType } from '../domain/machine-type.js';
import type { IngestConfig, TopicConfig } from './config.js';
import { makeTimeRule } from './event-time.js';
import { parseEvents } from './parse-events.js';
import { parseReadings, type Rejection } from './parse-readings.js';
import { payloadTooLong, readJson } from './read-json.js';
import { type IngestType, PayloadUnits, prepareTypes } from './sensors.js';
import { cutToKibibyte, show } from './show.js';
import { EdgeNodes, type EdgeNodesOptions } from './sparkplug/edge-nodes.js';
import { sparkplugPrefix } from './sparkplug/topic.js';
import { type TopicFields, TopicMatcher } from './topic-template.js';

/** What a message gives. `accepted + rejected.length` items were received. */
export interface ParsedMessage {
  /** The machine that the topic names; '' where it names none. */
  readonly machine: string;
  /** For the topic `inputs`: at most one readings record, or events; with a death of Sparkplug B nothing at all. */
  readonly inputs: readonly InputRecord[];
  /** Readings, or events, in `inputs`. */
  readonly accepted: number;
  readonly rejected: readonly RejectedRecord[];
}

/** Where and when a message arrived. */
export interface Arrival {
  /** Plant time. */
  readonly timeMs: number;
  /** False while the time comes from messages and none has come: nothing is then too old. */
  readonly clockKnown: boolean;
  /** The broker had kept the message: it says nothing of when it was published. */
  readonly retained: boolean;
}

interface Route {
  readonly topic: TopicConfig;
  readonly fields: TopicFields;
  readonly machine: Machine;
  readonly type: IngestType;
}

/** Routes kept for topics seen before; then all are forgotten. Only topics of known machines are kept. */
const routesMax = 100_000;

export class MessageParser {
  readonly #config: IngestConfig;
  readonly #directory: MachineDirectory;
  readonly #types: ReadonlyMap<string, IngestType>;
  readonly #matcher: TopicMatcher<TopicConfig>;
  readonly #ignoreFields: ReadonlySet<string>;
  readonly #units = new PayloadUnits();
  readonly #routes = new Map<string, Route>();
  readonly #edgeNodes: EdgeNodes | undefined;

  /** Throws UserError where config and machine types do not fit each other. */
  constructor(parts: {
    readonly types: ReadonlyMap<string, MachineType>;
    readonly directory: MachineDirectory;
    readonly config: IngestConfig;
    readonly requestRebirth?: EdgeNodesOptions['requestRebirth'];
  }) {
    const { requestRebirth = () => {} } = parts;
    const { sparkplug } = parts.config;
    this.#edgeNodes =
      sparkplug && new EdgeNodes({ requestRebirth, rebirthEveryMs: sparkplug.rebirthEveryMs });
    this.#config = parts.config;
    this.#directory = parts.directory;
    this.#types = prepareTypes(parts.types, parts.config);
    this.#matcher = new TopicMatcher(parts.config.topics);
    this.#ignoreFields = new Set(parts.config.ignoreFields);
  }

  /** Never throws for what a message can hold. */
  parse(topic: string, payload: Uint8Array, arrival: Arrival): ParsedMessage {
    if (this.#edgeNodes && topic.startsWith(sparkplugPrefix))
      return this.#parseSparkplug(this.#edgeNodes, topic, payload, arrival);
    const route = this.#route(topic);
    if ('reason' in route) return refuse(route, route.machine, topic, payload, arrival);
    const json = readJson(payload, this.#config);
    const machine = route.machine.id;
    if (json.reason !== null) return refuse(json, machine, topic, payload, arrival);
    const parsed = this.#items(route, json.value, arrival);
    if ('reason' in parsed) return refuse(parsed, machine, topic, payload, arrival);
    return {
      machine,
      inputs: parsed.inputs,
      accepted: parsed.accepted,
      rejected: parsed.rejected.map((rejection) => toRecord(rejection, machine, topic, payload, arrival)),
    };
  }

  #parseSparkplug(
    edgeNodes: EdgeNodes,
    topicText: string,
    payload: Uint8Array,
    arrival: Arrival,
  ): ParsedMessage {
    const tooLong = payloadTooLong(payload, this.#config);
    if (tooLong) return refuse(tooLong, '', topicText, payload, arrival);
    const message = edgeNodes.take(topicText, payload, arrival.timeMs);
    if (typeof message === 'string')
      return refuse({ reason: 'wrong-shape', detail: message }, '', topicText, payload, arrival);
    const { topic, metrics, nameless } = message;
    const machine = topic.device ?? topic.node;
    const rejected: Rejection[] = nameless.map((detail) => ({ reason: 'wrong-shape', detail, item: '' }));
    const record = (rejection: Rejection) => toRecord(rejection, machine, topicText, payload, arrival);
    if (metrics.length === 0) return { machine, inputs: [], accepted: 0, rejected: rejected.map(record) };
    const route = this.#machineOf({
      machine,
      site: topic.group,
      line: topic.device === undefined ? undefined : topic.node,
      type: undefined,
      sensor: undefined,
    });
    if ('reason' in route) return refuse(route, machine, topicText, payload, arrival);
    const json = metrics.map(({ name, timeMs = arrival.timeMs, value }) =>
      Object.fromEntries([
        [name, value],
        [sparkplugTopic.timeField, timeMs],
      ]),
    );
    const parsed = this.#items({ ...route, topic: sparkplugTopic }, json, arrival);
    if ('reason' in parsed) return refuse(parsed, machine, topicText, payload, arrival);
    return { ...parsed, machine, rejected: [...rejected, ...parsed.rejected].map(record) };
  }

  #items(
    route: Route,
    json: unknown,
    arrival: Arrival,
  ):
    | {
        readonly inputs: readonly InputRecord[];
        readonly accepted: number;
        readonly rejected: readonly Rejection[];
      }
    | Rejection {
    const config = this.#config;
    const { machine, type, topic, fields } = route;
    const shared = {
      arrivalMs: arrival.timeMs,
      ignoreFields: this.#ignoreFields,
      readingsMax: config.readingsMax,
      time: makeTimeRule({
        unit: topic.timeUnit ?? config.timeUnit,
        field: topic.timeField ?? config.timeField,
        arrivalMs: arrival.timeMs,
        clockKnown: arrival.clockKnown,
        tooOldMs: config.tooOldMs,
        futureToleranceMs: config.futureToleranceMs,
        clock: config.time,
        retained: arrival.retained,
      }),
    };
    if (topic.kind === 'events') {
      const parsed = parseEvents(json, { ...shared, machine, type: type.type });
      if ('reason' in parsed) return parsed;
      return { inputs: parsed.events, accepted: parsed.events.length, rejected: parsed.rejected };
    }
    const parsed = parseReadings(json, { ...shared, type, sensor: fields.sensor, units: this.#units });
    if ('reason' in parsed) return parsed;
    const { sensors, timesMs, values, rejected } = parsed;
    if (values.length === 0) return { inputs: [], accepted: 0, rejected };
    const record: InputRecord = {
      kind: 'readings',
      machine: machine.id,
      type: machine.type,
      site: machine.site,
      line: machine.line,
      ingestTimeMs: arrival.timeMs,
      sensors,
      timesMs,
      values,
    };
    return { inputs: [record], accepted: values.length, rejected };
  }

  #route(topic: string): Route | (Rejection & { readonly machine: string }) {
    const known = this.#routes.get(topic);
    if (known) return known;
    const matched = this.#matcher.match(topic);
    if (typeof matched === 'string') return { reason: 'topic-unmatched', detail: matched, machine: '' };
    const { owner, fields } = matched;
    const found = this.#machineOf(fields);
    if ('reason' in found) return found;
    const route = { topic: owner, ...found };
    if (this.#routes.size >= routesMax) this.#routes.clear();
    this.#routes.set(topic, route);
    return route;
  }

  #machineOf(fields: TopicFields): Omit<Route, 'topic'> | (Rejection & { readonly machine: string }) {
    const id = fields.machine;
    if (fields.type !== undefined && !this.#types.has(fields.type))
      return { ...unknownType(fields.type, this.#types), machine: id };
    const machine = this.#directory.find(id, { type: fields.type, site: fields.site, line: fields.line });
    if (!machine)
      return {
        reason: 'unknown-machine',
        detail: `machine ${show(id)} fits no entry with a type under \`machines\`; add one for it`,
        machine: id,
      };
    const type = this.#types.get(machine.type);
    if (!type) return { ...unknownType(machine.type, this.#types), machine: id };
    return { fields, machine, type };
  }
}

/** How the metrics of Sparkplug B are read: each with its time. The name cannot be that of a metric, which has no slash first. */
const sparkplugTopic = {
  template: '',
  kind: 'readings',
  timeField: '/timestamp',
  timeUnit: 'ms',
} as const satisfies TopicConfig;

function unknownType(type: string, types: ReadonlyMap<string, IngestType>): Rejection {
  return {
    reason: 'unknown-machine-type',
    detail: `there is no machine type ${show(type)}; there are ${[...types.keys()].slice(0, 12).join(', ')}`,
  };
}

/** A message refused as a whole counts as one item. */
function refuse(
  rejection: Rejection,
  machine: string,
  topic: string,
  payload: Uint8Array,
  arrival: Arrival,
): ParsedMessage {
  return {
    machine,
    inputs: [],
    accepted: 0,
    rejected: [toRecord(rejection, machine, topic, payload, arrival)],
  };
}

export function toRecord(
  rejection: Rejection,
  machine: string,
  topic: string,
  payload: Uint8Array,
  arrival: Arrival,
): RejectedRecord {
  const text =
    rejection.item ??
    Buffer.from(payload.buffer, payload.byteOffset, Math.min(payload.length, 1024)).toString('utf8');
  return {
    kind: 'rejected',
    reason: rejection.reason,
    detail: rejection.detail,
    machine,
    topic: cutToKibibyte(topic),
    payload: cutToKibibyte(text),
    ingestTimeMs: arrival.timeMs,
  };
}
