import { z } from 'zod';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** `"90s"` → 90000. Units: ms, s, m, h, d (d is 24 hours, not a calendar day). `undefined` if not a duration. */
export function parseDurationMs(text: string): number | undefined {
  const match = pattern.exec(text);
  return match ? Number(match[1]) * (unitMs[match[2] as string] as number) : undefined;
}

/** Config field: a string such as `"30s"` outside, milliseconds inside. */
export const durationMs = z
  .string()
  .regex(pattern, 'write a number and a unit of ms, s, m, h or d, such as "30s" or "1.5h"')
  .transform((text) => parseDurationMs(text) as number);
