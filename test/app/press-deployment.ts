/** A deployment of presses with one rule, in a folder that goes when the test ends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Deployment, loadDeployment } from '../../app/config.js';

/** `machineType`: what the type has beside its name (YAML). */
export function pressDeployment(t: TestContext, machineType: string): Deployment {
  const dir = mkdtempSync(join(tmpdir(), 'millwright-press-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'press.yaml'), `name: press\n${machineType}`);
  writeFileSync(
    join(dir, 'millwright.yaml'),
    `machineTypes: [press.yaml]
machines: [{ match: "m-*" }]
log: { kind: embedded, partitions: 1 }
alerts:
  rules:
    - name: soon
      condition: failure_probability(1d)
      severities: [{ name: warning, set: 0.4, reset: 0.3 }]
`,
  );
  return loadDeployment(join(dir, 'millwright.yaml'));
}
