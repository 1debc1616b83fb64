/** What may be wrong with an InfluxDB that results go to, above all what would lose them. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { WorldError } from '../domain/errors.js';
import type { InfluxConfig } from '../infra/influx/config.js';
import { type InfluxFacts, inspectInflux } from '../infra/influx/inspect.js';
import { makeStepCalendar } from '../stream/step-calendar.js';
import type { Deployment } from './config.js';
import { durationText } from './config-options.js';
import type { Finding } from './finding.js';
import { formatBytes, formatCounted } from './terminal/format.js';

/** A clock that is further off is worth a note; HTTP tells whole seconds. */
const clockOffMsMax = 5000;
/** From this share of a limit on: there is time to raise it. */
const nearlyFull = 0.8;

export async function checkInflux(deployment: Deployment, config: InfluxConfig): Promise<Finding[]> {
  const spool = checkSpool(deployment);
  try {
    return [...judgeInflux(deployment, config, await inspectInflux(config)), ...spool];
  } catch (error) {
    if (!(error instanceof WorldError)) throw error;
    const advice =
      error.code === 'unauthorized'
        ? 'correct store.username and store.password, or give the user rights on the database'
        : 'start InfluxDB, or correct store.url; results wait on disk meanwhile';
    return [{ what: 'store', state: 'bad', sentence: `${error.message}: ${advice}` }, ...spool];
  }
}

/** One finding when all is well, else one for each thing that is not. */
export function judgeInflux({ types }: Deployment, config: InfluxConfig, facts: InfluxFacts): Finding[] {
  const { address, version, policy } = facts;
  const findings: Finding[] = [
    { what: 'store', state: 'good', sentence: `InfluxDB ${version} at ${address} answers` },
  ];
  const say = (state: Finding['state'], sentence: string) =>
    findings.push({ what: 'store', state, sentence });

  if (/^[023]\./.test(version))
    say('warning', `InfluxDB ${version} is used by its v1 endpoints, which has been tested with 1.8 only`);
  const ahead = facts.clockAheadMs ?? 0;
  if (Math.abs(ahead) > clockOffMsMax)
    say(
      'warning',
      `the clock of InfluxDB is ${Math.round(Math.abs(ahead) / 1000)} s ${ahead > 0 ? 'ahead of' : 'behind'} this computer's: set both by NTP`,
    );
  if (!facts.databaseExists || !policy) {
    const missing = facts.databaseExists
      ? `retention policy "${config.retentionPolicy}"`
      : `database "${config.database}"`;
    say('warning', `there is no ${missing} yet: millwright infra init makes it, or the first run`);
  } else {
    const neededMs = longestCurveMs(types);
    if (policy.durationMs < neededMs)
      say(
        'bad',
        `retention policy "${policy.name}" keeps results for ${durationText(policy.durationMs)}, but a forecast and the days it speaks of span ${durationText(neededMs)}: set store.retentionMs to more, and run millwright infra init`,
      );
    const wantedMs = config.retentionMs ?? Infinity;
    // InfluxDB keeps whole hours.
    if (Math.abs(policy.durationMs - wantedMs) >= 3_600_000)
      say(
        'warning',
        `retention policy "${policy.name}" keeps results ${spanText(policy.durationMs)}, the configuration says ${spanText(wantedMs)}: run millwright infra init`,
      );
    if (!policy.isDefault)
      say(
        'warning',
        `retention policy "${policy.name}" is not the default of "${config.database}": dashboards that name none find nothing; run millwright infra init`,
      );
  }
  const { tagValuesMax = 0, machineCount } = facts;
  if (tagValuesMax > 0 && machineCount > nearlyFull * tagValuesMax)
    say(
      'warning',
      `${formatCounted(machineCount, 'machine')} of at most ${tagValuesMax} that InfluxDB takes: set max-values-per-tag = 0 in its configuration, or index-version = "tsi1"`,
    );
  if (facts.walFsyncDelay !== undefined && !/^0s?$/.test(facts.walFsyncDelay))
    say(
      'warning',
      `wal-fsync-delay is ${facts.walFsyncDelay}: a power cut loses what was written so long before it; set it to "0s" unless the disk is too slow`,
    );
  return findings;
}

function checkSpool({ config }: Deployment): Finding[] {
  const dir = join(config.dataDir, 'spool');
  if (!existsSync(dir)) return [];
  const sizeOf = (pattern: RegExp) =>
    readdirSync(dir)
      .filter((name) => pattern.test(name))
      .reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
  const waiting = sizeOf(/\.spool$/);
  const refused = sizeOf(/^refused\.lp$/);
  return [
    ...(waiting === 0
      ? []
      : [
          warning(
            `${formatBytes(waiting)} of results wait in ${dir}: a running millwright brings them to InfluxDB`,
          ),
        ]),
    ...(refused === 0
      ? []
      : [
          warning(
            `InfluxDB has refused points for good: the reasons are in ${join(dir, 'refused.lp')}; remove it when they are dealt with`,
          ),
        ]),
  ];
}

function warning(sentence: string): Finding {
  return { what: 'spool', state: 'warning', sentence };
}

/** From the first step of a window to the last day that its forecast speaks of. */
function longestCurveMs(types: Deployment['types']): number {
  const spans = [...types.values()].map(
    (type) => makeStepCalendar(type.step).nominalMs * (type.windowSteps + type.horizonSteps),
  );
  return Math.max(0, ...spans);
}

function spanText(ms: number): string {
  return ms === Infinity ? 'for ever' : `for ${durationText(ms)}`;
}
