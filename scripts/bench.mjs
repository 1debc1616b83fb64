/** `npm run bench -- <name> [options]`: runs a bench; without a name, lists them. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';

const folder = new URL('../dist/bench/', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.slice(0, -3));
const [name, ...options] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  console.error(`name a bench: npm run bench -- <name>, one of ${names.join(', ')}`);
  process.exit(2);
}
// With room for young objects, as package.json's scripts and the binary give it.
const flags = ['--expose-gc', '--max-semi-space-size=64'];
const child = spawn(process.execPath, [...flags, new URL(`${name}.js`, folder).pathname, ...options], {
  stdio: 'inherit',
});
child.once('close', (code) => process.exit(code ?? 1));
