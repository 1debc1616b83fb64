/** How we come to a Kafka cluster: that of the log, or one that is told of alerts. */
import { z } from 'zod';
import { secretSchema } from './secret.js';

export const kafkaConnectionSchema = z.strictObject({
  brokers: z
    .array(z.string().regex(/^[^:/]+:\d+$|^\[[^\]]+\]:\d+$/, 'write host:port, such as kafka-1:9092'))
    .min(1, 'name at least one broker')
    .describe('Addresses of some brokers, host:port; the others are found through them.'),
  clientId: z
    .string()
    .min(1)
    .default('millwright')
    .describe('Our name in the logs and quotas of the brokers.'),
  tls: z
    .enum(['off', 'on'])
    .default('off')
    .describe('Encrypted connections, to brokers whose certificate is checked.'),
  caFile: z
    .string()
    .optional()
    .describe(
      'PEM file of the authority that signed the certificates of the brokers; default: those of the system.',
    ),
  certFile: z.string().optional().describe('PEM file of our certificate, for mutual TLS.'),
  keyFile: z.string().optional().describe('PEM file of the key of our certificate.'),
  sasl: z
    .enum(['none', 'plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'])
    .default('none')
    .describe(
      'How we say who we are: "plain" sends the password as it is, only over TLS; "oauthbearer" sends a token of an identity provider.',
    ),
  username: z.string().min(1).optional().describe('User name; the client id where it is "oauthbearer".'),
  password: secretSchema
    .optional()
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what a person writes in YAML.
    .describe('Password, or the secret of the client; write ${NAME} and keep it in the environment.'),
  tokenUrl: z
    .url()
    .optional()
    .describe('Where the identity provider gives tokens (OAuth 2, client credentials); only "oauthbearer".'),
  tokenScope: z.string().optional().describe('What the token is asked for; only "oauthbearer".'),
});
export type KafkaConnection = z.output<typeof kafkaConnectionSchema>;

/** What does not fit together: a field and a sentence. */
export function findKafkaProblem(
  config: KafkaConnection,
): { readonly field: keyof KafkaConnection; readonly message: string } | undefined {
  const { sasl, username, password, tokenUrl, tls, caFile, certFile, keyFile } = config;
  if ((certFile === undefined) !== (keyFile === undefined))
    return {
      field: certFile === undefined ? 'certFile' : 'keyFile',
      message: 'certFile and keyFile belong together; write both or neither',
    };
  if (tls === 'off' && (caFile ?? certFile) !== undefined)
    return { field: 'tls', message: 'got "off", but there are certificates; write tls: on' };
  if (sasl !== 'none' && username === undefined)
    return { field: 'username', message: `is missing; sasl: ${sasl} needs it` };
  if (sasl !== 'none' && password === undefined)
    return { field: 'password', message: `is missing; sasl: ${sasl} needs it` };
  if (sasl === 'none' && (username ?? password) !== undefined)
    return {
      field: 'sasl',
      message: 'got "none", but there is a user name or password; write sasl: scram-sha-512',
    };
  if (sasl === 'oauthbearer' && tokenUrl === undefined)
    return { field: 'tokenUrl', message: 'is missing; sasl: oauthbearer needs it' };
  return undefined;
}
