/** What may be wrong with an MQTT broker that messages come from, above all what would lose them. */
import { WorldError } from '../domain/errors.js';
import { type BrokerFacts, inspectBroker } from '../infra/mqtt/inspect.js';
import type { DeploymentConfig } from './config.js';
import type { Finding } from './finding.js';
import { formatCounted } from './terminal/format.js';

type ClientConfig = Extract<DeploymentConfig['mqtt'], { readonly kind: 'client' }>;

export async function checkBroker(config: ClientConfig): Promise<Finding[]> {
  const { password, ...others } = config;
  try {
    const facts = await inspectBroker({ ...others, ...(password && { password: password.reveal() }) });
    return judgeBroker(config, facts);
  } catch (error) {
    if (!(error instanceof WorldError)) throw error;
    const advice = error.code === 'unreachable' ? ': start the broker, or correct mqtt.url' : '';
    return [{ what: 'mqtt', state: 'bad', sentence: error.message + advice }];
  }
}

/** What the broker keeps for a client that is away (Mosquitto: max_queued_messages, persistence) it does not tell. */
export function judgeBroker(config: ClientConfig, facts: BrokerFacts): Finding[] {
  const findings: Finding[] = [];
  const say = (state: Finding['state'], sentence: string) => findings.push({ what: 'mqtt', state, sentence });
  const version = facts.version === undefined ? '' : ` (${facts.version})`;
  const mosquitto = facts.version?.startsWith('mosquitto') === true;
  say(
    'good',
    `${config.url} answers${version}${
      mosquitto
        ? '; it does not tell its settings: unless changed, max_queued_messages is 1000 and persistence false, which loses messages while ingest is away'
        : ''
    }`,
  );
  if (facts.qosMax < 1)
    say('bad', 'the broker takes QoS 0 only, where messages may be lost: allow QoS 1 (Mosquitto: max_qos 2)');
  if (config.sharedGroup !== undefined && !facts.sharedSubscriptions)
    say(
      'bad',
      'the broker has no shared subscriptions: leave out mqtt.sharedGroup and run one ingest process',
    );
  if ((facts.droppedCount ?? 0) > 0)
    say(
      'warning',
      `the broker has dropped ${formatCounted(facts.droppedCount ?? 0, 'message')} since its start, for whichever client: raise what it may queue (Mosquitto: max_queued_messages and max_queued_bytes, then a restart)`,
    );
  return findings;
}
