/** Topics of Sparkplug B: `spBv1.0/group/type/node[/device]` (Eclipse Sparkplug Specification 3.0.0, §4.1). */

export const sparkplugPrefix = 'spBv1.0/';
const nodeTypes = ['NBIRTH', 'NDATA', 'NDEATH'] as const;
const deviceTypes = ['DBIRTH', 'DDATA', 'DDEATH'] as const;

export interface SparkplugTopic {
  readonly type: (typeof nodeTypes)[number] | (typeof deviceTypes)[number];
  readonly group: string;
  readonly node: string;
  /** Undefined in messages of the node itself. */
  readonly device: string | undefined;
}

/** Undefined: a topic that hosts do not take. */
export function parseSparkplugTopic(topic: string): SparkplugTopic | undefined {
  const [, group = '', word, node = '', device, ...more] = topic.split('/');
  const types: readonly string[] = device === undefined ? nodeTypes : deviceTypes;
  if (more.length > 0 || group === '' || node === '' || device === '' || !types.includes(word ?? ''))
    return undefined;
  return { type: word as SparkplugTopic['type'], group, node, device };
}

export const sparkplugFilters: readonly string[] = [
  ...nodeTypes.map((type) => `${sparkplugPrefix}+/${type}/+`),
  ...deviceTypes.map((type) => `${sparkplugPrefix}+/${type}/+/+`),
];

export function commandTopic(group: string, node: string): string {
  return `${sparkplugPrefix}${group}/NCMD/${node}`;
}

/** Where a host says whether it is there (§6.4.22). */
export function stateTopic(hostId: string): string {
  return `${sparkplugPrefix}STATE/${hostId}`;
}

export function encodeState(state: 'online' | 'offline', sinceMs: number): string {
  return JSON.stringify({ online: state === 'online', timestamp: sinceMs });
}
