// Turns the TypeScript tree into dist/ with the same layout, file by file (no bundling: stack traces, worker
// threads and dynamic imports keep their paths), and bundles the page. Types are checked by `npm run types`.
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const folders = [
  'domain',
  'ingest',
  'stream',
  'model',
  'alerts',
  'backtest',
  'infra',
  'app',
  'test',
  'bench',
  'scripts',
];

/** Every file under `dir` whose name ends in one of `endings`. */
function filesUnder(dir, endings) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => join(entry.parentPath, entry.name));
}

const started = performance.now();
rmSync('dist', { recursive: true, force: true });
const sources = folders
  .flatMap((folder) => filesUnder(folder, ['.ts']))
  .filter((file) => !file.endsWith('.d.ts'));
await build({
  entryPoints: sources,
  outdir: 'dist',
  outbase: '.',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: 'linked',
  logLevel: 'warning',
});
// The binary: its first line names Node's options.
chmodSync('dist/app/main.js', 0o755);
// The only non-code files that code reads next to itself.
for (const file of folders.flatMap((folder) => filesUnder(folder, ['.proto', '.sql']))) {
  mkdirSync(join('dist', file, '..'), { recursive: true });
  cpSync(file, join('dist', file));
}
if (existsSync('ui/main.tsx')) {
  await build({
    entryPoints: ['ui/main.tsx'],
    outdir: 'dist/ui',
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    sourcemap: 'linked',
    logLevel: 'warning',
  });
  cpSync('ui/index.html', 'dist/ui/index.html');
}
console.log(`built ${sources.length} files in ${Math.round(performance.now() - started)} ms`);
