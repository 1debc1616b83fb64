/** When alerts that are there are not told: maintenance windows, and alerts that follow from others. */
import { z } from 'zod';
import { nameSchema } from '../domain/machine-type.js';
import { matcherSchema } from './route-config.js';

export const maintenanceWindowSchema = z.strictObject({
  name: nameSchema.describe('Name, for people.'),
  match: z.array(matcherSchema).min(1).describe('Matchers on labels: which alerts it is for.'),
  times: z.array(nameSchema).min(1).describe('Names of `timeIntervals`: when it is.'),
});

export const inhibitionSchema = z.strictObject({
  source: z.array(matcherSchema).min(1).describe('While an alert that fits these matchers is firing,'),
  target: z.array(matcherSchema).min(1).describe('those that fit these are not told,'),
  equal: z.array(z.string().min(1)).default([]).describe('if these labels have the same values in both.'),
});
