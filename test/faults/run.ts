/** `npm run test:faults`: a campaign of any length; prints its ledger, and JSON to a file. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.js';
import { describeCampaign, findFailures } from './report.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    faults: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    machines: { type: 'string', default: '200' },
    'messages-per-second': { type: 'string', default: '30' },
    'step-seconds': { type: 'string', default: '15' },
    json: { type: 'string' },
  },
});

// Ctrl-C: no more faults, and the account of those that were; once more: the end.
const [enough, interrupted] = [new AbortController(), new AbortController()];
process.on('SIGINT', () => (enough.signal.aborted ? interrupted : enough).abort());
process.once('SIGTERM', () => interrupted.abort());

const result = await runCampaign({
  minutes: Number(values.minutes),
  faults: Number(values.faults),
  seed: Number(values.seed),
  machines: Number(values.machines),
  messagesPerSecond: Number(values['messages-per-second']),
  stepSeconds: Number(values['step-seconds']),
  enough: enough.signal,
  signal: interrupted.signal,
  tell: (sentence) => console.error(`${new Date().toISOString()} ${sentence}`),
});
if (result === undefined) process.exit(3);
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(result));
console.log(describeCampaign(result));
for (const { name, exitCode, lastWords } of result.selfEnded)
  console.error(`${name} ended by itself, exit code ${exitCode}: ${lastWords.slice(0, 300)}`);
const failures = findFailures(result);
for (const failure of failures) console.error(`FAILED: ${failure}`);
process.exit(failures.length === 0 ? 0 : 1);
