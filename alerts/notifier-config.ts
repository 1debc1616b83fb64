/**
 * The receivers of alerts. The settings stand here and not beside the adapters, because the alerts file is one and
 * checked as one; adapters are made from them in infra/notify.
 */
import { z } from 'zod';
import { durationMs } from '../domain/duration.js';
import { findKafkaProblem, kafkaConnectionSchema } from '../domain/kafka-connection.js';
import { nameSchema } from '../domain/machine-type.js';
import { secretSchema } from '../domain/secret.js';

const notifierName = nameSchema.describe('Name that routes, metrics and the notification log use.');

export const retrySchema = z
  .strictObject({
    firstDelayMs: durationMs
      .default(1000)
      .describe('Wait before the second attempt; doubles with every further one.'),
    maxDelayMs: durationMs.default(60_000).describe('Longest wait between two attempts.'),
    giveUpAfterMs: durationMs
      .default(86_400_000)
      .describe(
        'A transition that could not be delivered for this long is recorded as undelivered, and the next one is tried.',
      ),
  })
  .superRefine((retry, context) => {
    if (retry.firstDelayMs <= 0)
      context.addIssue({ code: 'custom', path: ['firstDelayMs'], message: 'must be longer than 0' });
    if (retry.maxDelayMs < retry.firstDelayMs)
      context.addIssue({
        code: 'custom',
        path: ['maxDelayMs'],
        message: `maxDelayMs (${retry.maxDelayMs} ms) must not be shorter than firstDelayMs (${retry.firstDelayMs} ms)`,
      });
  });
export type RetryConfig = z.output<typeof retrySchema>;

const retry = retrySchema.prefault({}).describe('How long and how often to try again.');

const logNotifierSchema = z.strictObject({
  kind: z.literal('log'),
  name: notifierName,
  retry,
});

const httpUrl = z
  .url({ protocol: /^https?$/, error: 'write an address that starts with http:// or https://' })
  .refine((url) => {
    const { username, password } = new URL(url);
    return username === '' && password === '';
  }, 'must not hold a name or password; write them as `headers: { Authorization: … }`');
const httpHeaders = z
  .record(z.string().regex(/^[A-Za-z0-9-]+$/, 'is not the name of a header'), secretSchema)
  .default({})
  .describe('Further headers, such as Authorization; never printed.');
const httpTimeoutMs = durationMs
  .default(10_000)
  .describe('An attempt without an answer for this long has failed.');

const webhookNotifierSchema = z.strictObject({
  kind: z.literal('webhook').describe('HTTP POST of JSON.'),
  name: notifierName,
  url: httpUrl.describe('Each transition is sent here as a POST of JSON.'),
  secret: secretSchema
    .optional()
    .describe(
      'When given, the header X-Millwright-Signature carries "sha256=" and the HMAC-SHA256 of the body in hex.',
    ),
  headers: httpHeaders,
  body: z
    .enum(['millwright', 'slack'])
    .default('millwright')
    .describe(
      'The whole record as JSON; or the sentence alone, as the incoming webhooks of Slack, Mattermost and Rocket.Chat take it.',
    ),
  timeoutMs: httpTimeoutMs,
  retry,
});
export type WebhookConfig = z.output<typeof webhookNotifierSchema>;

const pageUrl = httpUrl
  .optional()
  .describe("Address of Millwright's page as people reach it: what links to alerts begin with.");

const alertmanagerNotifierSchema = z.strictObject({
  kind: z
    .literal('alertmanager')
    .describe('Alerts of a Prometheus Alertmanager, which groups, waits and repeats itself.'),
  name: notifierName,
  url: httpUrl.describe('Where its page is; alerts are posted to /api/v2/alerts below it.'),
  pageUrl,
  headers: httpHeaders,
  resendMs: durationMs
    .refine((resendMs) => resendMs >= 1000, 'must be at least 1s')
    .default(60_000)
    .describe(
      'What stands is told again after this time. Alertmanager takes an alert for over that it has not been told for four times as long.',
    ),
  timeoutMs: httpTimeoutMs,
  retry,
});
export type AlertmanagerConfig = z.output<typeof alertmanagerNotifierSchema>;

const mqttNotifierSchema = z.strictObject({
  kind: z.literal('mqtt').describe('MQTT messages, QoS 1, over the broker of `mqtt`.'),
  name: notifierName,
  topic: z
    .string()
    .min(1)
    .default('millwright/alerts/{machine}')
    .describe('MQTT topic; may hold {machine}, {type}, {site}, {line}, {rule} and {severity}.')
    .superRefine((topic, context) => {
      for (const [hole, name] of topic.matchAll(/\{([^{}]*)\}/g))
        if (!['machine', 'type', 'site', 'line', 'rule', 'severity'].includes(name as string))
          context.addIssue({ code: 'custom', message: `${hole} is not known in a topic` });
      if (/[+#]/.test(topic))
        context.addIssue({ code: 'custom', message: 'a topic to publish to may not hold + or #' });
    }),
  retain: z
    .enum(['never', 'newest'])
    .default('never')
    .describe('"newest": the broker keeps the newest message per topic for those who subscribe later.'),
  timeoutMs: durationMs
    .default(10_000)
    .describe('A message not acknowledged by the broker for this long has failed.'),
  retry,
});
export type MqttNotifierConfig = z.output<typeof mqttNotifierSchema>;

const kafkaNotifierSchema = z
  .strictObject({
    kind: z.literal('kafka').describe('Records of a topic of Kafka, acknowledged by all replicas in sync.'),
    name: notifierName,
    topic: z
      .string()
      .regex(/^[a-zA-Z0-9._-]{1,249}$/, 'may hold letters, digits, ".", "_" and "-", 249 at most')
      .describe('Name of the topic. It must be there; an alert, or a group, keeps to one partition.'),
    ...kafkaConnectionSchema.shape,
    timeoutMs: durationMs
      .default(10_000)
      .describe('An attempt that Kafka has not acknowledged for this long has failed.'),
    retry,
  })
  .superRefine((config, context) => {
    const problem = findKafkaProblem(config);
    if (problem) context.addIssue({ code: 'custom', path: [problem.field], message: problem.message });
  });
export type KafkaNotifierConfig = z.output<typeof kafkaNotifierSchema>;

const emailNotifierSchema = z
  .strictObject({
    kind: z.literal('email').describe('E-mail, handed to an SMTP server.'),
    name: notifierName,
    host: z.string().min(1).describe('Name or address of the SMTP server.'),
    port: z.number().int().min(1).max(65_535).default(587).describe('Port: 587, of implicit TLS 465.'),
    tls: z
      .enum(['starttls', 'implicit', 'none'])
      .default('starttls')
      .describe(
        '"starttls" begins in the open and gives up where the server cannot go on encrypted; certificates are checked.',
      ),
    caFile: z
      .string()
      .optional()
      .describe(
        'PEM file of the authority that signed the certificate of the server; default: those of the system.',
      ),
    username: z.string().min(1).optional().describe('User name at the server. Default: none is asked for.'),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what a person writes in YAML.
    password: secretSchema.optional().describe('Password; write ${NAME} and keep it in the environment.'),
    from: z
      .email({ error: 'write an address, such as plant@example.com' })
      .describe('Address of the sender.'),
    to: z
      .array(z.email({ error: 'write an address, such as kim@example.com' }))
      .min(1)
      .describe('Addresses of those who are told.'),
    pageUrl,
    timeoutMs: durationMs
      .default(30_000)
      .describe('An attempt in which the server says nothing for this long has failed.'),
    retry,
  })
  .superRefine(({ tls, caFile, username, password }, context) => {
    const complain = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (username !== undefined && password === undefined)
      complain('password', 'is missing; username needs it');
    if (username === undefined && password !== undefined)
      complain('username', 'is missing; password needs it');
    if (tls === 'none' && caFile !== undefined)
      complain('tls', 'got "none", with which caFile is never looked at; write tls: starttls');
    if (tls === 'none' && password !== undefined)
      complain('tls', 'got "none", which would send the password in the open; write tls: starttls');
  });
export type EmailConfig = z.output<typeof emailNotifierSchema>;

export const notifierSchema = z.discriminatedUnion('kind', [
  logNotifierSchema,
  webhookNotifierSchema,
  alertmanagerNotifierSchema,
  mqttNotifierSchema,
  emailNotifierSchema,
  kafkaNotifierSchema,
]);
export type NotifierConfig = z.output<typeof notifierSchema>;
