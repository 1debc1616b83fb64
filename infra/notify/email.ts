/**
 * Alerts as e-mail. The server's answer to the message is that it has arrived. Message-ID is made of the dedupe key: a message
 * that comes twice, because its answer was lost, is the same to mail servers and programs; those of one alert or
 * group are a thread.
 */
import { createHash } from 'node:crypto';
import { createTransport, type Transporter } from 'nodemailer';
import type { EmailConfig } from '../../alerts/notifier-config.js';
import type { Notifier } from '../../alerts/ports.js';
import { WorldError, type WorldErrorCode } from '../../domain/errors.js';
import type { NotificationRecord } from '../../domain/notification.js';
import { readPem } from '../files/read-pem.js';
import { linesOf, linkTo } from './message.js';

/** What nodemailer says of an error (RFC 5321, 4.2): the server's answer, if there was one. */
interface SmtpError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
  readonly response?: string;
  readonly recipient?: string;
  /** Where the server refused recipients: an error of each. */
  readonly rejectedErrors?: readonly SmtpError[];
}

/** Who is still to be told of a notification, and who will never be. */
interface Progress {
  readonly dedupeKey: string;
  readonly open: readonly string[];
  readonly refused: readonly string[];
}

export class EmailNotifier implements Notifier {
  readonly name: string;
  readonly #config: EmailConfig;
  readonly #transport: Transporter;
  #progress: Progress = { dedupeKey: '', open: [], refused: [] };

  constructor(config: EmailConfig) {
    const { host, port, tls, caFile, username, password, timeoutMs } = config;
    this.name = config.name;
    this.#config = config;
    this.#transport = createTransport({
      host,
      port,
      secure: tls === 'implicit',
      requireTLS: tls === 'starttls',
      ignoreTLS: tls === 'none',
      ...(caFile !== undefined && {
        tls: { ca: readPem(caFile, `caFile of notifier "${config.name}"`) },
      }),
      ...(username && password && { auth: { user: username, pass: password.reveal() } }),
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      dnsTimeout: timeoutMs,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  /** Where some recipients are refused for now, further attempts are for those alone. */
  async send(notification: NotificationRecord, signal: AbortSignal): Promise<void> {
    const { dedupeKey } = notification;
    if (this.#progress.dedupeKey !== dedupeKey)
      this.#progress = { dedupeKey, open: this.#config.to, refused: [] };
    const { open, refused } = this.#progress;
    const errors = open.length > 0 ? await this.#attempt(notification, open, signal) : [];
    const later = errors.filter(isPassing);
    const never = errors.filter((error) => !isPassing(error));
    this.#progress = {
      dedupeKey,
      open: later.map(({ recipient = '' }) => recipient),
      refused: [...refused, ...never.map(answerOf)],
    };
    if (later.length > 0) throw this.#error('unreachable', true, later.map(answerOf).join('; '));
    if (this.#progress.refused.length > 0)
      throw this.#error('rejected', false, this.#progress.refused.join('; '));
  }

  /** Gives the errors of the recipients that were refused. */
  async #attempt(
    notification: NotificationRecord,
    to: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly SmtpError[]> {
    const { from, pageUrl } = this.#config;
    const { alerts, group, dedupeKey, summary } = notification;
    const thread = this.#idOf(group ? JSON.stringify(group) : (alerts[0]?.alertId ?? ''));
    const link = linkTo(pageUrl, group ? undefined : alerts[0]?.alertId);
    try {
      const { rejectedErrors = [] } = await this.#transport.sendMail({
        from,
        to: [...this.#config.to],
        envelope: { from, to: [...to] },
        messageId: this.#idOf(dedupeKey),
        inReplyTo: thread,
        references: thread,
        headers: { 'Auto-Submitted': 'auto-generated' },
        subject: summary,
        text: [...linesOf(notification, Number.POSITIVE_INFINITY), ...(link ? ['', link] : []), ''].join(
          '\n',
        ),
        signal,
      });
      return rejectedErrors;
    } catch (cause) {
      const error = cause as SmtpError;
      if (error.rejectedErrors) return error.rejectedErrors;
      throw this.#failed(error, signal);
    }
  }

  #idOf(key: string): string {
    const hash = createHash('sha256').update(`${this.name}|${key}`).digest('hex').slice(0, 40);
    return `<${hash}@${this.#config.from.split('@').at(-1)}>`;
  }

  #failed(error: SmtpError, signal: AbortSignal): WorldError {
    if (signal.aborted) return this.#error('closed', true, 'it was left while millwright stops', error);
    const { code = '', responseCode } = error;
    if (code === 'ENOAUTH' || code === 'ECONFIG') return this.#error('rejected', false, error.message, error);
    if (isPassing(error))
      return this.#error(code === 'ETIMEDOUT' ? 'timeout' : 'unreachable', true, answerOf(error), error);
    const kind = code === 'EAUTH' ? 'unauthorized' : responseCode === 552 ? 'too-large' : 'rejected';
    return this.#error(kind, false, answerOf(error), error);
  }

  #error(code: WorldErrorCode, retryable: boolean, what: string, cause?: unknown): WorldError {
    const { host, port } = this.#config;
    return new WorldError(code, `notifier "${this.name}": ${host}:${port}: ${what}`, { retryable, cause });
  }
}

/** No answer, or one of 4xx; 503, a wrong order of commands, says nothing of the message. */
function isPassing({ responseCode }: SmtpError): boolean {
  return responseCode === undefined || responseCode < 500 || responseCode === 503;
}

function answerOf({ recipient, response, message }: SmtpError): string {
  const answer = (response ?? message).slice(0, 200);
  return recipient ? `${recipient} is refused (${answer})` : answer;
}
