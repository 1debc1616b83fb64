/** Grafana's dashboards as its JSON model has them (dashboard schema version 39): what ours use of it, and nothing else. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const dataSource = z.strictObject({ type: z.literal('influxdb'), uid: z.string() });
const fieldSettings = z.strictObject({
  unit: z.string().optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  custom: z.record(z.string(), z.unknown()).optional(),
  thresholds: z
    .strictObject({
      mode: z.enum(['absolute', 'percentage']),
      steps: z.array(z.strictObject({ color: z.string(), value: z.number().nullable() })),
    })
    .optional(),
});
const panel = z.strictObject({
  id: z.number().int().min(1),
  title: z.string().min(1),
  description: z.string().optional(),
  type: z.enum(['timeseries', 'table']),
  datasource: dataSource,
  gridPos: z.strictObject({
    x: z.number().int().min(0).max(23),
    y: z.number().int().min(0),
    w: z.number().int().min(1).max(24),
    h: z.number().int().min(1),
  }),
  targets: z
    .array(
      z.strictObject({
        refId: z.string().regex(/^[A-Z]$/),
        datasource: dataSource,
        rawQuery: z.literal(true),
        query: z.string().min(1),
        resultFormat: z.enum(['time_series', 'table']),
        alias: z.string().optional(),
      }),
    )
    .min(1),
  fieldConfig: z.strictObject({
    defaults: fieldSettings,
    overrides: z.array(
      z.strictObject({
        matcher: z.strictObject({ id: z.literal('byName'), options: z.string() }),
        properties: z.array(z.strictObject({ id: z.string(), value: z.unknown() })),
      }),
    ),
  }),
  options: z.record(z.string(), z.unknown()),
  transformations: z
    .array(z.strictObject({ id: z.string(), options: z.record(z.string(), z.unknown()) }))
    .optional(),
});

export const dashboardSchema = z.strictObject({
  uid: z.string().regex(/^[a-z0-9-]{1,40}$/),
  title: z.string().min(1),
  tags: z.array(z.string()),
  schemaVersion: z.literal(39),
  timezone: z.literal('browser'),
  editable: z.boolean(),
  refresh: z.string().regex(/^\d+[smh]$/),
  time: z.strictObject({ from: z.string().regex(/^now/), to: z.string().regex(/^now/) }),
  templating: z.strictObject({
    list: z.array(
      z.strictObject({
        name: z.string().regex(/^\w+$/),
        label: z.string(),
        type: z.literal('query'),
        datasource: dataSource,
        query: z.string(),
        refresh: z.union([z.literal(1), z.literal(2)]),
        sort: z.number().int().min(0).max(8),
        multi: z.boolean(),
        includeAll: z.boolean(),
        allValue: z.string().optional(),
      }),
    ),
  }),
  annotations: z.strictObject({ list: z.array(z.never()) }),
  links: z.array(z.never()),
  panels: z.array(panel).min(1),
});
export type Dashboard = z.output<typeof dashboardSchema>;

const folder = 'docker/grafana/dashboards';

export function dashboardFiles(): string[] {
  return readdirSync(folder).map((name) => join(folder, name));
}

export function readDashboard(file: string): Dashboard {
  return dashboardSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}
