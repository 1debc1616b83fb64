/**
 * What edge nodes have told in their births, and the order of their messages: metrics get their names back. After a gap in
 * the order a birth may have been missed that gave an alias to another metric: metrics without a name are then
 * refused until the next birth, which is asked for. Wrong would be worse than missing.
 */
import { show } from '../show.js';
import { decodePayload, type Metric, plainValue, type SparkplugPayload } from './payload.js';
import { parseSparkplugTopic, type SparkplugTopic } from './topic.js';

/** A metric with its name and a value as JSON has it. */
export interface NamedMetric {
  readonly name: string;
  readonly timeMs: number | undefined;
  readonly value: number | string | null;
}

/** What one message gives. */
export interface SparkplugMessage {
  readonly topic: SparkplugTopic;
  readonly metrics: readonly NamedMetric[];
  /** A sentence for each metric that has no name. */
  readonly nameless: readonly string[];
}

export interface EdgeNodesOptions {
  /** Asks an edge node for its births. */
  readonly requestRebirth: (group: string, node: string) => void;
  /** A node is asked no more often. */
  readonly rebirthEveryMs: number;
}

interface Known {
  readonly name: string;
  readonly datatype: number | undefined;
}

interface EdgeNode {
  /** Sequence number of the last message; undefined: the order is lost, or the node is dead. */
  seq: number | undefined;
  /** Value of the metric bdSeq in its birth, which its death repeats. */
  bdSeq: Metric['value'] | undefined;
  askedMs: number;
  /** By alias: metrics of the node and all its devices, among which an alias is unique (§6.4.6). */
  readonly aliases: Map<string, Known>;
  /** By device ('' for the node itself) and name: data types that only the birth told. */
  readonly datatypes: Map<string, number>;
}

/** Topics come from outside: beyond this many the node that came first is forgotten, and asked for its birth again. */
const nodesMax = 10_000;
const ownMetrics = /^(bdSeq|Node Control\/.*|Device Control\/.*)$/;

export class EdgeNodes {
  readonly #options: EdgeNodesOptions;
  readonly #nodes = new Map<string, EdgeNode>();

  constructor(options: EdgeNodesOptions) {
    this.#options = options;
  }

  /** A sentence why the message is refused as a whole, or what is in it. Never throws for what a message holds. */
  take(topicText: string, bytes: Uint8Array, nowMs: number): SparkplugMessage | string {
    const topic = parseSparkplugTopic(topicText);
    if (topic === undefined) return `${show(topicText)} is no topic of a birth, data or death of Sparkplug B`;
    const payload = decodePayload(bytes);
    if (payload === undefined) return 'the payload is not one of Sparkplug B';
    const node = this.#node(topic);
    const nothing = { topic, metrics: [], nameless: [] };
    if (topic.type === 'NDEATH') {
      // The death of an earlier session may come after the birth of the next.
      if (sameNumber(bdSeqOf(payload), node.bdSeq)) node.seq = undefined;
      return nothing;
    }
    if (topic.type === 'NBIRTH') {
      node.aliases.clear();
      node.datatypes.clear();
      node.bdSeq = bdSeqOf(payload);
      node.seq = payload.seq;
    } else this.#follow(node, topic, payload, nowMs);
    if (topic.type === 'DDEATH') return nothing;
    const birth = topic.type.endsWith('BIRTH');
    if (birth) learn(node, topic.device ?? '', payload.metrics);
    const metrics: NamedMetric[] = [];
    const nameless: string[] = [];
    for (const metric of payload.metrics) {
      const found = named(node, topic.device ?? '', metric, birth);
      if (typeof found === 'string') nameless.push(found);
      else if (!ownMetrics.test(found.name)) metrics.push(found);
    }
    if (nameless.length > 0) this.#ask(node, topic, nowMs);
    return { topic, metrics, nameless };
  }

  #node({ group, node }: SparkplugTopic): EdgeNode {
    const key = `${group}/${node}`;
    let found = this.#nodes.get(key);
    if (found === undefined) {
      if (this.#nodes.size >= nodesMax) this.#nodes.delete(this.#nodes.keys().next().value as string);
      found = {
        seq: undefined,
        bdSeq: undefined,
        askedMs: -Infinity,
        aliases: new Map(),
        datatypes: new Map(),
      };
      this.#nodes.set(key, found);
    }
    return found;
  }

  /** Sequence numbers count from 0 to 255 and begin again (§6.4.5). */
  #follow(node: EdgeNode, topic: SparkplugTopic, { seq }: SparkplugPayload, nowMs: number): void {
    const inOrder = node.seq !== undefined && seq === (node.seq + 1) % 256;
    if (inOrder) {
      node.seq = seq;
      return;
    }
    node.seq = undefined;
    node.aliases.clear();
    this.#ask(node, topic, nowMs);
  }

  #ask(node: EdgeNode, { group, node: name }: SparkplugTopic, nowMs: number): void {
    if (nowMs - node.askedMs < this.#options.rebirthEveryMs) return;
    node.askedMs = nowMs;
    this.#options.requestRebirth(group, name);
  }
}

function learn(node: EdgeNode, device: string, metrics: readonly Metric[]): void {
  for (const { name, alias, datatype } of metrics) {
    if (name === undefined) continue;
    if (alias !== undefined) node.aliases.set(alias, { name, datatype });
    if (datatype !== undefined) node.datatypes.set(`${device}/${name}`, datatype);
  }
}

function named(node: EdgeNode, device: string, metric: Metric, birth: boolean): NamedMetric | string {
  const known = metric.alias === undefined ? undefined : node.aliases.get(metric.alias);
  const name = metric.name || known?.name;
  if (name === undefined)
    return birth
      ? 'a metric of the birth has no name'
      : `no birth that we know has told the name of alias ${metric.alias}; the edge node has been asked for it`;
  const datatype = metric.datatype ?? known?.datatype ?? node.datatypes.get(`${device}/${name}`);
  return { name, timeMs: metric.timeMs, value: plainValue(metric.value, datatype) };
}

function bdSeqOf({ metrics }: SparkplugPayload): Metric['value'] | undefined {
  return metrics.find(({ name }) => name === 'bdSeq')?.value;
}

/** The type of bdSeq is not the same with all edge nodes. */
function sameNumber(a: Metric['value'] | undefined, b: Metric['value'] | undefined): boolean {
  return a !== undefined && b !== undefined && String(a) === String(b);
}
