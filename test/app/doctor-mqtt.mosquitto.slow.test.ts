/** What doctor says of a real Mosquitto, of one that refuses, and of none. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type DeploymentConfig, deploymentSchema } from '../../app/config.js';
import { checkBroker, judgeBroker } from '../../app/doctor-mqtt.js';
import { startMosquitto, startOwnMosquitto } from '../services/mosquitto.js';
import { skipWithout } from '../services/service.js';

const mosquitto = await startMosquitto();
after(() => mosquitto?.stop());

function configFor(url: string, more = {}): Extract<DeploymentConfig['mqtt'], { kind: 'client' }> {
  const { mqtt } = deploymentSchema.parse({
    machineTypes: ['a.yaml'],
    machines: [{ match: '*' }],
    mqtt: { kind: 'client', url, ...more },
  });
  assert(mqtt.kind === 'client');
  return mqtt;
}

async function said(url: string, more = {}): Promise<string> {
  return (await checkBroker(configFor(url, more)))
    .map(({ state, sentence }) => `${state}: ${sentence}`)
    .join('\n');
}

describe('doctor on Mosquitto', { skip: skipWithout(mosquitto, 'Mosquitto'), timeout: 300_000 }, () => {
  it('names its version, and what it does not tell', async () => {
    const wanted =
      /^good: mqtt:\S+ answers \(mosquitto version \S+\); it does not tell .* max_queued_messages is 1000/;
    assert.match(await said(mosquitto?.url ?? ''), wanted);
    assert.match(await said(mosquitto?.url ?? '', { protocolVersion: 4 }), wanted);
  });

  it('a broker that refuses us, takes QoS 0 only, or is not there', async (t) => {
    const strict = await startOwnMosquitto({
      listener: (port) => [`listener ${port} 0.0.0.0`, 'allow_anonymous true', 'max_qos 0'],
    });
    t.after(() => strict?.stop());
    if (strict) {
      assert.match(await said(strict.url), /\nbad: the broker takes QoS 0 only.*max_qos 2/);
      await strict.stop();
      assert.match(await said(strict.url), /^bad: .*: start the broker, or correct mqtt\.url$/);
    }
  });
});

it('doctor tells dropped messages and a shared group that cannot be', () => {
  const facts = { version: undefined, droppedCount: 12, qosMax: 2, sharedSubscriptions: false };
  const findings = judgeBroker(configFor('mqtt://broker:1883', { sharedGroup: 'ingest' }), facts);
  assert.deepEqual(
    findings.map(({ state }) => state),
    ['good', 'bad', 'warning'],
  );
  assert.match(findings[2]?.sentence ?? '', /has dropped 12 messages/);
});
