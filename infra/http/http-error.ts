import { ZodError } from 'zod';
import { UserError, WorldError } from '../../domain/errors.js';
import type { ErrorWire } from './wire.js';

/** An answer that is not 2xx, thrown by a handler. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Status and body for whatever a handler threw. What we do not know is a bug: 500, without its text. */
export function describeError(error: unknown): { status: number; body: ErrorWire } {
  const answer = (status: number, code: string, message: string) => ({
    status,
    body: { error: { code, message } },
  });
  if (error instanceof HttpError) return answer(error.status, error.code, error.message);
  if (error instanceof ZodError) return answer(400, 'bad-request', describeIssues(error));
  if (error instanceof UserError) return answer(400, 'bad-request', error.message);
  if (error instanceof WorldError) return answer(503, error.code, error.message);
  if (error instanceof Error && 'code' in error && error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return answer(413, 'too-large', 'the body is larger than is taken here: send less at once');
  // Fastify's own: unreadable JSON, body too large, unsupported media type.
  if (error instanceof Error && 'statusCode' in error && Number(error.statusCode) < 500)
    return answer(Number(error.statusCode), 'bad-request', error.message);
  return answer(500, 'internal', 'a bug in millwright: the log of the process has the details');
}

/** Issues named in one answer; a large body can have as many as it has values. */
const issuesMax = 5;

function describeIssues({ issues }: ZodError): string {
  const named = issues
    .slice(0, issuesMax)
    .map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
  const more = issues.length - named.length;
  return `${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
