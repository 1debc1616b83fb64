import type { KafkaConfig, SASLOptions } from 'kafkajs';
import { WorldError } from '../../domain/errors.js';
import type { KafkaConnection } from '../../domain/kafka-connection.js';
import { readPem } from '../files/read-pem.js';

/** Our configuration as kafkajs takes it. Reads certificates; opens nothing. */
export function connectionConfig(config: KafkaConnection): KafkaConfig {
  return {
    brokers: [...config.brokers],
    clientId: config.clientId,
    connectionTimeout: 5_000,
    requestTimeout: 30_000,
    // Patience lives above: here only what passes at once.
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 2 },
    ...(config.tls === 'on' && { ssl: tlsOptions(config) }),
    ...(config.sasl !== 'none' && { sasl: saslOptions(config, config.sasl) }),
  };
}

function tlsOptions({ caFile, certFile, keyFile }: KafkaConnection) {
  return {
    ...(caFile !== undefined && { ca: [readPem(caFile, 'caFile of Kafka')] }),
    ...(certFile !== undefined && { cert: readPem(certFile, 'certFile of Kafka') }),
    ...(keyFile !== undefined && { key: readPem(keyFile, 'keyFile of Kafka') }),
  };
}

function saslOptions(
  config: KafkaConnection,
  mechanism: Exclude<KafkaConnection['sasl'], 'none'>,
): SASLOptions {
  const username = config.username ?? '';
  const password = config.password?.reveal() ?? '';
  if (mechanism !== 'oauthbearer') return { mechanism, username, password };
  const { tokenUrl = '', tokenScope = '' } = config;
  return { mechanism, oauthBearerProvider: () => fetchToken(tokenUrl, tokenScope, username, password) };
}

const tokenTimeoutMs = 10_000;

/** OAuth 2 client credentials (RFC 6749, 4.4); asked for at each connection and when the broker wants it anew. */
async function fetchToken(
  url: string,
  scope: string,
  clientId: string,
  clientSecret: string,
): Promise<{ readonly value: string }> {
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== '') form.set('scope', scope);
  const credentials = [clientId, clientSecret].map(encodeURIComponent).join(':');
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    body: form,
    signal: AbortSignal.timeout(tokenTimeoutMs),
  });
  // No JSON is no token either: the status tells more than the parser.
  const answer: unknown = await response.json().catch(() => undefined);
  const { access_token: value } = (answer ?? {}) as { readonly access_token?: unknown };
  if (response.ok && typeof value === 'string') return { value };
  throw new WorldError('unauthorized', `${url} gives no token: HTTP ${response.status}`, {
    retryable: response.status >= 500,
  });
}
