// A real Kafka that speaks only TLS, and knows its clients by password, token or certificate.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { connect } from 'node:tls';
import { WorldError } from '../../domain/errors.js';
import { type KafkaLogConfig, kafkaLogConfigSchema } from '../../infra/kafka/config.js';
import { openKafkaLog } from '../../infra/kafka/log.js';
import { copying, freshName, newRecord, readTexts, topicSpec } from '../conformance/log-parts.js';
import { makeCertificates } from '../services/certificates.js';
import { startOwnKafka } from '../services/kafka.js';
import { eventually, freePort, skipWithout } from '../services/service.js';

const certificates = makeCertificates();
const folder = '/tmp/certificates';
const mutualPort = await freePort();
const loginModule = 'org.apache.kafka.common.security';
const kafka = await startOwnKafka({
  // Not a proxy's: the clients that show a certificate come in here.
  doors: [{ name: 'MUTUAL', port: mutualPort, proxyPort: mutualPort }],
  files: {
    [`${folder}/server.pem`]: certificates.text('server.key') + certificates.text('server.pem'),
    [`${folder}/ca.pem`]: certificates.text('ca.pem'),
  },
  environment: {
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP:
      'CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,CLIENTS:SASL_SSL,MUTUAL:SSL',
    KAFKA_SSL_KEYSTORE_TYPE: 'PEM',
    KAFKA_SSL_KEYSTORE_LOCATION: `${folder}/server.pem`,
    KAFKA_SSL_TRUSTSTORE_TYPE: 'PEM',
    KAFKA_SSL_TRUSTSTORE_LOCATION: `${folder}/ca.pem`,
    KAFKA_LISTENER_NAME_MUTUAL_SSL_CLIENT_AUTH: 'required',
    KAFKA_LISTENER_NAME_CLIENTS_SASL_ENABLED_MECHANISMS: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    KAFKA_LISTENER_NAME_CLIENTS_PLAIN_SASL_JAAS_CONFIG: `${loginModule}.plain.PlainLoginModule required user_plant="secret";`,
    KAFKA_LISTENER_NAME_CLIENTS_SCRAM___SHA___256_SASL_JAAS_CONFIG: `${loginModule}.scram.ScramLoginModule required;`,
    KAFKA_LISTENER_NAME_CLIENTS_SCRAM___SHA___512_SASL_JAAS_CONFIG: `${loginModule}.scram.ScramLoginModule required;`,
    // Kafka's own check of tokens without a signature: who, and until when.
    KAFKA_LISTENER_NAME_CLIENTS_OAUTHBEARER_SASL_JAAS_CONFIG: `${loginModule}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
  },
  ready: (port) => eventually(() => answersInTls(port), 60_000),
});
after(() => kafka?.stop());
for (const mechanism of kafka ? ['SCRAM-SHA-256', 'SCRAM-SHA-512'] : [])
  await kafka?.run([
    ...['/opt/kafka/bin/kafka-configs.sh', '--bootstrap-server', 'localhost:19092', '--alter'],
    ...['--entity-type', 'users', '--entity-name', 'plant', '--add-config', `${mechanism}=[password=secret]`],
  ]);

describe('a Kafka that wants to know who comes', {
  skip: skipWithout(kafka, 'Kafka'),
  timeout: 600_000,
}, () => {
  const caFile = certificates.file('ca.pem');
  const config = (more: object): KafkaLogConfig =>
    kafkaLogConfigSchema.parse({
      brokers: [`127.0.0.1:${kafka?.port}`],
      prefix: 'secure-',
      heartbeatMs: '300ms',
      tls: 'on',
      caFile,
      ...more,
    });
  const plant = { username: 'plant', password: 'secret' };

  for (const sasl of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
    it(`${sasl}: appends, takes part in a group, makes checkpoints and reads`, () =>
      goesRound(config({ sasl, ...plant })));

    it(`${sasl}: a wrong password is told, and not tried for ever`, () =>
      refuses(config({ sasl, ...plant, password: 'wrong' }), 'unauthorized', false));
  }

  it('oauthbearer: with a token that an identity provider gives', async (t) => {
    let asked = '';
    const provider = createServer((request, response) => {
      asked = Buffer.from(`${request.headers.authorization}`.replace('Basic ', ''), 'base64').toString();
      response.end(JSON.stringify({ access_token: unsignedToken('plant'), token_type: 'bearer' }));
    }).listen(0, '127.0.0.1');
    await once(provider, 'listening');
    t.after(() => provider.close());
    const tokenUrl = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/token`;
    await goesRound(config({ sasl: 'oauthbearer', ...plant, tokenUrl }));
    assert.equal(asked, 'plant:secret');
  });

  it('mutual TLS: by a certificate of the authority that the brokers know', async () => {
    const brokers = [`127.0.0.1:${mutualPort}`];
    const client = { certFile: certificates.file('client.pem'), keyFile: certificates.file('client.key') };
    await goesRound(config({ brokers, ...client }));
    const stranger = {
      certFile: certificates.file('stranger.pem'),
      keyFile: certificates.file('stranger.key'),
    };
    await refuses(config({ brokers, ...stranger }), 'unreachable', true);
    await refuses(config({ brokers }), 'unreachable', true);
  });

  it('is not trusted where another authority has signed', () =>
    refuses(
      config({ sasl: 'plain', ...plant, caFile: certificates.file('stranger.pem') }),
      'unreachable',
      true,
      /certificate/,
    ));

  it('says nothing to who does not speak TLS', () =>
    refuses(config({ tls: 'off', caFile: undefined, sasl: 'plain', ...plant }), 'unreachable', true));
});

/** Everything that a stage does with its log. */
async function goesRound(config: KafkaLogConfig): Promise<void> {
  const log = await openKafkaLog({ config });
  try {
    const [topic, output, group] = [freshName('topic'), freshName('output'), freshName('group')];
    await log.ensureTopics([topicSpec(topic), topicSpec(output)]);
    await log.append([newRecord(topic, 0, 'a'), newRecord(topic, 0, 'b')]);
    const consumer = copying(log, { group, topic, to: output }, { change: (text) => `${text}!` });
    await consumer.close({ drain: true });
    assert.deepEqual(await readTexts(log, output, 0), ['a!', 'b!']);
    assert.equal(await log.committed(group, { topic, partition: 0 }), 2);
  } finally {
    await log.close();
  }
}

function refuses(
  config: KafkaLogConfig,
  code: WorldError['code'],
  retryable: boolean,
  words = /127\.0\.0\.1/,
): Promise<void> {
  return assert.rejects(openKafkaLog({ config }), (error) => {
    assert(error instanceof WorldError, String(error));
    assert.deepEqual([error.code, error.retryable], [code, retryable], error.message);
    assert.match(error.message, words);
    return true;
  });
}

/** A JSON Web Token without a signature (RFC 7519, 6), good for an hour. */
function unsignedToken(subject: string): string {
  const now = Math.floor(Date.now() / 1000);
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${encode({ alg: 'none' })}.${encode({ sub: subject, iat: now, exp: now + 3600 })}.`;
}

async function answersInTls(port: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', ca: certificates.text('ca.pem') });
  try {
    await once(socket, 'secureConnect');
  } finally {
    socket.destroy();
  }
}
