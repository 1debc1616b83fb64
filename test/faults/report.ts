/** The result of a campaign, in words and numbers; and what is wrong with it. */
import type { CampaignResult } from './campaign.js';

/** Sentences; none when nothing was lost and nothing happened twice. */
export function findFailures({ account, backwards, hung, selfEnded }: CampaignResult): string[] {
  const { ledger, lost, invented, counted, miscounted, notified } = account;
  const failures: string[] = [];
  const some = (what: string, items: readonly string[]) => {
    if (items.length > 0) failures.push(`${items.length} ${what}: ${items.slice(0, 5).join('; ')}`);
  };
  some('readings and events acknowledged, and not in the log', lost);
  some('readings and events in the log that nobody sent', invented);
  some('aggregates with another number of readings than were accepted', miscounted);
  some('alert transitions that nobody was told of', notified.missing);
  some('offsets that went back', backwards);
  some('processes that did not stop', hung);
  some(
    'processes that crashed',
    selfEnded
      .filter(({ lastWords }) => /bug in millwright|Node\.js v\d/.test(lastWords))
      .map(({ name, lastWords }) => `${name}: ${lastWords}`),
  );
  const { received, accepted, rejected, duplicate, late, waiting } = ledger;
  if (waiting !== 0 || received !== accepted + rejected + duplicate + late)
    failures.push(`the ledger does not add up: ${JSON.stringify(ledger)}`);
  if (received !== counted.received || accepted !== counted.accepted || late !== counted.late)
    failures.push(`the ledger says ${JSON.stringify(ledger)}, the records ${JSON.stringify(counted)}`);
  for (const what of ['steps', 'forecasts', 'alerts', 'rejected', 'stored'] as const) {
    const { missing, extra, disordered, examples } = account[what];
    if (missing + extra + disordered > 0)
      failures.push(
        `${what}: ${missing} missing, ${extra} too many, ${disordered} partitions in another order; ${examples.join('; ')}`,
      );
  }
  return failures;
}

/** Markdown. */
export function describeCampaign(result: CampaignResult): string {
  const { account, struck, selfEnded, minutes, memoryMiB } = result;
  const { ledger, notified } = account;
  const kinds = new Map<string, { count: number; recovered: number[] }>();
  for (const { faults, recoveredMs } of struck)
    for (const { kind, target } of faults) {
      const name = `${kind} | ${target}`;
      const known = kinds.get(name) ?? { count: 0, recovered: [] };
      known.count++;
      // Of two at once, neither can be said to have taken the time.
      if (recoveredMs !== undefined && faults.length === 1) known.recovered.push(recoveredMs);
      kinds.set(name, known);
    }
  const rows = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1));
  const all = struck.flatMap(({ recoveredMs }) => recoveredMs ?? []);
  return [
    `${struck.flatMap(({ faults }) => faults).length} faults in ${minutes.toFixed(0)} minutes.`,
    '',
    `- sent: ${account.messages} messages, ${account.deliveries} deliveries, ${account.acknowledgedItems} readings and events acknowledged by the broker`,
    `- ledger: ${JSON.stringify(ledger)}`,
    `- lost: ${account.lost.length}; aggregates with a wrong count: ${account.miscounted.length}`,
    ...(['steps', 'forecasts', 'alerts', 'rejected', 'stored'] as const).map((what) => {
      const { wanted, missing, extra, disordered } = account[what];
      return `- ${what}: ${wanted}, of them ${missing} missing, ${extra} doubled or different, ${disordered} partitions in another order`;
    }),
    `- alert transitions told: ${notified.transitions}, not told: ${notified.missing.length}, told again: ${notified.again}`,
    `- recovery after ${all.length} faults: median ${seconds(quantile(all, 0.5))} s, 90 % within ${seconds(quantile(all, 0.9))} s, longest ${seconds(Math.max(...all))} s`,
    `- processes that ended by themselves and were started again: ${selfEnded.length}`,
    ...Object.entries(memoryMiB).map(
      ([name, lives]) => `- memory of ${name}: ${lives.length} lives, at most ${Math.max(...lives)} MiB`,
    ),
    '',
    '| fault | at | times | recovery, median | longest |',
    '| --- | --- | ---: | ---: | ---: |',
    ...rows.map(
      ([name, { count, recovered }]) =>
        `| ${name} | ${count} | ${seconds(quantile(recovered, 0.5))} s | ${seconds(Math.max(...recovered))} s |`,
    ),
  ].join('\n');
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? (ms / 1000).toFixed(1) : '–';
}
