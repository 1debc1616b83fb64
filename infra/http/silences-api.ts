/** Silences over HTTP, and which open alerts are muted. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { HttpError } from './http-error.js';
import type { HttpServerParts } from './ports.js';
import type { SilencesWire, SilenceWire } from './wire.js';

const timeSchema = z.int().min(0).max(8.64e15);
const silenceSchema = z
  .strictObject({
    matchers: z.array(z.string().max(500)).min(1, 'name at least one, such as machine=press-1').max(20),
    startsMs: timeSchema.optional().describe('Plant time; default: now.'),
    endsMs: timeSchema.optional(),
    /** In place of `endsMs`: from the start on. */
    durationMs: z.int().min(1000).max(3.2e12).optional(),
    by: z.string().trim().min(1, 'say who you are: a name or initials').max(100),
    comment: z.string().trim().max(2000).default(''),
  })
  .refine(
    ({ endsMs, durationMs }) => (endsMs === undefined) !== (durationMs === undefined),
    'say when it ends: endsMs or durationMs, one of them',
  );
const idSchema = z.strictObject({ id: z.string().min(1).max(100) });

export function addSilences(
  app: FastifyInstance,
  { clock }: Pick<HttpServerParts, 'clock'>,
  silences: NonNullable<HttpServerParts['silences']>,
): void {
  app.get('/api/v1/silences', async (): Promise<SilencesWire> => {
    const timeMs = clock.nowMs();
    const list = await silences.list();
    return {
      timeMs,
      silences: list
        .map(({ kind: _, ...silence }): SilenceWire => ({ ...silence, state: stateOf(silence, timeMs) }))
        .sort((a, b) => b.endsMs - a.endsMs || (a.id < b.id ? -1 : 1)),
      muted: await silences.muted(),
    };
  });

  app.post('/api/v1/silences', async (request, reply) => {
    const { durationMs, startsMs = clock.nowMs(), ...given } = silenceSchema.parse(request.body);
    const endsMs = given.endsMs ?? startsMs + (durationMs ?? 0);
    if (endsMs <= Math.max(startsMs, clock.nowMs()))
      throw new HttpError(400, 'bad-request', `endsMs: ${endsMs} is over before it begins, or already`);
    const id = await silences.add({ ...given, startsMs, endsMs });
    return reply.code(201).send({ id });
  });

  app.delete('/api/v1/silences/:id', async (request, reply) => {
    const { id } = idSchema.parse(request.params);
    if ((await silences.end(id)) === 'unknown')
      throw new HttpError(404, 'unknown-silence', `there is no silence "${id}" that is not over`);
    return reply.code(202).send({ id });
  });
}

function stateOf(
  { startsMs, endsMs }: { startsMs: number; endsMs: number },
  nowMs: number,
): SilenceWire['state'] {
  return endsMs <= nowMs ? 'over' : startsMs <= nowMs ? 'active' : 'to-come';
}
