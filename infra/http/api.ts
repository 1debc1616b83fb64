/** The routes of /api/v1. Every input is checked by a schema; ids are percent-encoded (alert ids hold slashes). */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { alertStates } from '../../domain/alert.js';
import type { ForecastRecord } from '../../domain/forecast.js';
import { feedbackVerdicts } from '../../domain/input.js';
import { HttpError } from './http-error.js';
import { defaultTargetDay, followTarget } from './moved.js';
import type { HttpServerParts } from './ports.js';
import {
  countStates,
  presentAlert,
  presentEvent,
  presentForecast,
  presentSteps,
  presentType,
  stepMsOf,
} from './present.js';
import type {
  AlertDetailWire,
  AlertsWire,
  ExplanationWire,
  FleetWire,
  MachineWire,
  PlantWire,
} from './wire.js';

/** Origins behind the newest that a machine's page looks back on. */
const previousOrigins = 30;

const idSchema = z.strictObject({ id: z.string().min(1).max(300) });
const timeSchema = z.coerce.number().int().min(0).max(8.64e15);
const machineQuerySchema = z.strictObject({
  at: timeSchema.optional().describe('Plant time, ms: the forecast that was the newest then.'),
});
const explanationQuerySchema = machineQuerySchema.extend({
  day: z.coerce
    .number()
    .int()
    .min(1)
    .optional()
    .describe('Day of the horizon; default: the expected day, or 7.'),
});
const alertsQuerySchema = z.strictObject({
  state: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(alertStates)))
    .optional()
    .describe('States, separated by commas.'),
  machine: z.string().min(1).max(200).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
});
const nameField = z
  .string()
  .trim()
  .min(1, 'say who you are: a name or initials')
  .max(100, 'at most 100 characters');
const commentField = z.string().trim().max(2000, 'at most 2000 characters').default('');
const acknowledgeSchema = z.strictObject({ by: nameField, comment: commentField });
const assignSchema = z.strictObject({
  to: z
    .string()
    .trim()
    .min(1, 'say who is to look after it: a name or initials')
    .max(100, 'at most 100 characters'),
  by: nameField,
  comment: commentField,
});
const commentSchema = z.strictObject({
  by: nameField,
  comment: z.string().trim().min(1, 'say something').max(2000, 'at most 2000 characters'),
});
const feedbackSchema = z.strictObject({
  verdict: z.enum(feedbackVerdicts),
  by: nameField,
  comment: commentField,
  fault: z.string().trim().max(100, 'at most 100 characters').default(''),
});

export function addApi(app: FastifyInstance, parts: HttpServerParts): void {
  const { store, types, clock } = parts;

  app.get('/api/v1/plant', async (): Promise<PlantWire> => {
    return {
      name: parts.plant,
      timeMs: clock.nowMs(),
      types: [...types.values()].map(presentType),
      rules: parts.rules(),
      counts: countStates(await store.fleet()),
    };
  });

  app.get('/api/v1/fleet', async (): Promise<FleetWire> => {
    const rows = await store.fleet();
    return {
      timeMs: clock.nowMs(),
      rows: rows.map(({ forecast, alerts }) => ({
        forecast: presentForecast(forecast),
        alerts: alerts.map(presentAlert),
      })),
    };
  });

  app.get('/api/v1/machines/:id', async (request): Promise<MachineWire> => {
    const { id } = idSchema.parse(request.params);
    const { at } = machineQuerySchema.parse(request.query);
    return presentMachine(parts, id, at);
  });

  const { explain } = parts;
  if (explain)
    app.get('/api/v1/machines/:id/explanation', async (request): Promise<ExplanationWire> => {
      const { id } = idSchema.parse(request.params);
      const { at, day } = explanationQuerySchema.parse(request.query);
      return explain(id, {
        ...(at === undefined ? {} : { atMs: at }),
        ...(day === undefined ? {} : { day }),
      });
    });

  app.get('/api/v1/alerts', async (request): Promise<AlertsWire> => {
    const { state, machine, limit } = alertsQuerySchema.parse(request.query);
    const alerts = await store.alerts({
      limit,
      ...(state === undefined ? {} : { states: state }),
      ...(machine === undefined ? {} : { machine }),
    });
    return { timeMs: clock.nowMs(), alerts: alerts.map(presentAlert) };
  });

  const historyOf = async (params: unknown) => {
    const { id } = idSchema.parse(params);
    const history = await store.alertHistory(id);
    const newest = history.at(-1);
    if (!newest) throw new HttpError(404, 'unknown-alert', `there is no alert "${id}"`);
    return { id, newest, history };
  };

  app.get('/api/v1/alerts/:id', async (request): Promise<AlertDetailWire> => {
    const { newest, history } = await historyOf(request.params);
    return { alert: presentAlert(newest), history: history.map(presentAlert) };
  });

  const openAlert = async (params: unknown, what: string): Promise<string> => {
    const { id, newest } = await historyOf(params);
    if (newest.state === 'resolved')
      throw new HttpError(409, 'already-resolved', `alert "${id}" is resolved: nothing to ${what}`);
    return id;
  };

  app.post('/api/v1/alerts/:id/acknowledge', async (request, reply) => {
    const { by, comment } = acknowledgeSchema.parse(request.body);
    const alertId = await openAlert(request.params, 'acknowledge');
    await parts.actions.acknowledge(alertId, by, comment);
    return reply.code(202).send({ alertId, acknowledgedBy: by });
  });

  app.post('/api/v1/alerts/:id/assign', async (request, reply) => {
    const { to, by, comment } = assignSchema.parse(request.body);
    const alertId = await openAlert(request.params, 'assign');
    await parts.actions.assign(alertId, to, by, comment);
    return reply.code(202).send({ alertId, assignedTo: to });
  });

  app.post('/api/v1/alerts/:id/comment', async (request, reply) => {
    const { by, comment } = commentSchema.parse(request.body);
    const alertId = await openAlert(request.params, 'comment on; give feedback instead');
    await parts.actions.comment(alertId, by, comment);
    return reply.code(202).send({ alertId });
  });

  app.post('/api/v1/alerts/:id/feedback', async (request, reply) => {
    const { verdict, by, comment, fault } = feedbackSchema.parse(request.body);
    const { id } = await historyOf(request.params);
    await parts.actions.feedback(id, verdict, by, comment, fault);
    return reply.code(202).send({ alertId: id, verdict });
  });

  app.get('/api/v1/ledger', async () => parts.ledger());
}

async function presentMachine(
  { store, types, clock }: HttpServerParts,
  machine: string,
  atMs: number | undefined,
): Promise<MachineWire> {
  const until = atMs === undefined ? {} : { toMs: atMs + 1 };
  // Several models may have spoken at one origin: read enough to find the origins of one of them.
  const found = await store.forecasts(machine, { ...until, limit: 3 * (previousOrigins + 1) });
  const records = onePerOrigin(found).slice(0, previousOrigins + 1);
  const history = records.map(presentForecast);
  const forecast = history[0] ?? null;
  const steps = await store.steps(machine, { ...until, limit: 1 });
  const newest = forecast ?? steps[0];
  if (!newest)
    throw new HttpError(
      404,
      'unknown-machine',
      `no step or forecast of "${machine}" is known: check the name, or wait for its first step to close`,
    );
  const type = types.get(newest.type);
  const shown = await store.steps(machine, { ...until, limit: type?.windowSteps ?? 30 });
  const fromMs = Math.min(
    shown.at(-1)?.startMs ?? Number.POSITIVE_INFINITY,
    history.at(-1)?.originMs ?? Number.POSITIVE_INFINITY,
  );
  const [events, alerts] = await Promise.all([
    store.events(machine, { ...until, fromMs, limit: 500 }),
    store.alerts({ machine, limit: 50 }),
  ]);
  const stepMs = stepMsOf(type);
  return {
    machine,
    type: newest.type,
    site: newest.site,
    line: newest.line,
    timeMs: clock.nowMs(),
    forecast,
    previous: history.slice(1),
    values: records[0]?.values ?? null,
    moved:
      forecast && forecast.probabilities.length > 0
        ? followTarget(history, forecast.originMs + defaultTargetDay(forecast) * stepMs, stepMs)
        : null,
    ...presentSteps(shown, type),
    events: events.map(presentEvent),
    alerts: alerts.map(presentAlert),
  };
}

/** Newest first; where several models spoke at an origin, the one that made the newest forecast. */
function onePerOrigin(forecastsNewestFirst: readonly ForecastRecord[]): ForecastRecord[] {
  const model = forecastsNewestFirst[0]?.model;
  const byOrigin = new Map<number, ForecastRecord>();
  for (const forecast of forecastsNewestFirst)
    if (!byOrigin.has(forecast.originMs) || forecast.model === model)
      byOrigin.set(forecast.originMs, forecast);
  return [...byOrigin.values()];
}
