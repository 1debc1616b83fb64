/** The routes under /v1: forecasts of sequences that somebody sends, and which networks make them. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { forecastBodyBytesMax, forecastRequestSchema } from './forecast-request.js';
import { HttpError } from './http-error.js';
import type { ModelServing } from './ports.js';
import type { ForecastsWire, ModelDetailWire, ModelsWire } from './wire.js';

/** POST, but it changes nothing: see guard.ts. */
export const forecastPath = '/v1/forecast';

const typeSchema = z.strictObject({ type: z.string().min(1).max(100) });

export function addServing(app: FastifyInstance, serving: ModelServing): void {
  app.post(forecastPath, { bodyLimit: forecastBodyBytesMax }, async (request): Promise<ForecastsWire> => {
    return serving.forecast(forecastRequestSchema.parse(request.body ?? {}));
  });

  app.get('/v1/models', async (): Promise<ModelsWire> => ({ models: serving.models() }));

  app.get('/v1/models/:type', async (request): Promise<ModelDetailWire> => {
    const { type } = typeSchema.parse(request.params);
    const model = await serving.model(type);
    if (model) return model;
    const known = serving.models().map((each) => each.type);
    throw new HttpError(
      404,
      'unknown-type',
      `there is no machine type "${type}": there is ${known.join(', ')}`,
    );
  });
}
