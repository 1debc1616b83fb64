// Real processes on real Kafka, Mosquitto and InfluxDB while faults strike: everything acknowledged is accounted for once,
// and acted on once. The short version of `npm run test:faults`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCampaign } from './campaign.js';
import { describeCampaign, findFailures } from './report.js';

test('faults around the plant lose nothing and double nothing', { timeout: 1_200_000 }, async (t) => {
  const result = await runCampaign({
    seed: 1,
    minutes: 1,
    faults: 12,
    machines: 100,
    messagesPerSecond: 40,
    stepSeconds: 4,
    tell: () => {},
  });
  if (result === undefined) return t.skip('not all services are here');
  t.diagnostic(describeCampaign(result));
  assert.deepEqual(findFailures(result), []);
  const { forecasts, alerts } = result.account;
  assert(forecasts.wanted > 1000 && alerts.wanted > 50, `${forecasts.wanted} and ${alerts.wanted}`);
});
