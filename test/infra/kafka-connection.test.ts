import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { UserError, WorldError } from '../../domain/errors.js';
import { findKafkaProblem } from '../../domain/kafka-connection.js';
import { kafkaLogConfigSchema } from '../../infra/kafka/config.js';
import { connectionConfig } from '../../infra/kafka/connection.js';

const brokers = ['kafka-1:9093'];
const parse = (rest: object) => kafkaLogConfigSchema.parse({ brokers, ...rest });

test('user name and password reach kafkajs, whatever the mechanism', () => {
  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'])
    assert.deepEqual(connectionConfig(parse({ sasl: mechanism, username: 'mw', password: 'secret' })).sasl, {
      mechanism,
      username: 'mw',
      password: 'secret',
    });
});

test('a token is asked for with the client’s credentials; a refusal is told', async (t) => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      asked.push(`${request.headers.authorization} ${body}`);
      if (asked.length > 1) response.writeHead(401);
      response.end(JSON.stringify({ access_token: 'abc' }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const tokenUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const { sasl } = connectionConfig(
    parse({ sasl: 'oauthbearer', tokenUrl, username: 'mw', password: 's:1', tokenScope: 'kafka' }),
  );
  assert(typeof sasl === 'object' && 'oauthBearerProvider' in sasl);
  assert.deepEqual(await sasl.oauthBearerProvider(), { value: 'abc' });
  const basic = Buffer.from('mw:s%3A1').toString('base64');
  assert.deepEqual(asked, [`Basic ${basic} grant_type=client_credentials&scope=kafka`]);
  await assert.rejects(
    sasl.oauthBearerProvider(),
    (error) => error instanceof WorldError && error.code === 'unauthorized' && /HTTP 401/.test(error.message),
  );
});

test('what cannot be is said when the configuration is read', () => {
  assert.throws(() => kafkaLogConfigSchema.parse({ brokers: ['kafka-1'] }), /host:port/);
  const problem = (rest: object) => findKafkaProblem(parse(rest))?.field;
  assert.equal(problem({ tls: 'on', certFile: 'a.pem' }), 'keyFile');
  assert.equal(problem({ caFile: 'a.pem' }), 'tls');
  assert.equal(problem({ sasl: 'plain', password: 'x' }), 'username');
  assert.equal(problem({ sasl: 'plain', username: 'x' }), 'password');
  assert.equal(problem({ username: 'x' }), 'sasl');
  assert.equal(problem({ sasl: 'oauthbearer', username: 'x', password: 'x' }), 'tokenUrl');
  assert.equal(
    problem({ tls: 'on', caFile: 'a.pem', sasl: 'plain', username: 'x', password: 'x' }),
    undefined,
  );
  assert.throws(
    () => connectionConfig(parse({ tls: 'on', caFile: '/nowhere/ca.pem' })),
    (error) => error instanceof UserError && error.message.includes('/nowhere/ca.pem'),
  );
});
