// Runs the built tests with node's own runner: `fast` (unit, property, scenario; under a minute) or `all`.
// Slow tests (real training, kill -9 campaigns, a browser) are those whose name ends in .slow.test.ts.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const [mode = 'all', ...only] = process.argv.slice(2);
const files = readdirSync('dist/test', { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((file) => mode === 'all' || !file.endsWith('.slow.test.js'))
  .filter((file) => only.length === 0 || only.some((part) => file.includes(part)))
  .sort();
if (files.length === 0) {
  console.error(`no test file matches ${only.join(' ') || mode}`);
  process.exit(1);
}
const result = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-reporter=spec', '--test-concurrency=2', ...files],
  { stdio: 'inherit' },
);
process.exit(result.status ?? 1);
