/**
 * What the tree must look like, checked by test/tidy.test.ts (the idea is TigerBeetle's tidy.zig): direction of
 * imports, vendor packages only in adapters, clocks and randomness only where they are injected from, no file
 * that nothing uses.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';

export interface SourceFile {
  /** Path from the repository root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Which folders a folder may import from, besides itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  domain: [],
  ingest: ['domain'],
  stream: ['domain'],
  model: ['domain'],
  alerts: ['domain'],
  backtest: ['domain', 'ingest', 'stream', 'model', 'alerts'],
  infra: ['domain', 'ingest', 'stream', 'model', 'alerts'],
  app: ['domain', 'ingest', 'stream', 'model', 'alerts', 'backtest', 'infra'],
  // The page shares the words of its API with the server: files that hold no more than types and pure functions.
  ui: ['domain', 'infra/http/wire.ts', 'infra/http/present.ts', 'infra/http/moved.ts'],
};

/** Packages that any folder may use: schemas and text, no wire, no vendor. */
const freePackages = new Set(['zod', 'temporal-polyfill', 'pure-rand', 'js-quantities', 'protobufjs']);
/** Packages of the terminal and of configuration files: the application's own. */
const appPackages = new Set([
  'commander',
  'yaml',
  'picocolors',
  'cli-table3',
  'log-update',
  'pino',
  'prom-client',
]);
const uiPackages = new Set(['preact', 'uplot']);

/** Files that are started, or used by something other than an import of the product. */
const entryPoints = new Set([
  'app/main.ts',
  'ui/main.tsx',
  'app/config-docs.ts', // scripts/config-docs.mjs
  'infra/memory/store.ts', // the plain form that the store's conformance suite is held against
]);

export function readTree(root: string): SourceFile[] {
  const files: SourceFile[] = [];
  for (const folder of [...Object.keys(mayImport), 'test', 'bench', 'scripts'])
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true }))
      if (entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.name.endsWith('.d.ts')) {
        const path = normalize(join(entry.parentPath, entry.name));
        files.push({
          path: path.slice(normalize(root).length).replace(/^\//, ''),
          text: readFileSync(path, 'utf8'),
        });
      }
  return files;
}

/** Sentences, one per fault; empty when the tree is tidy. */
export function findFaults(files: readonly SourceFile[]): string[] {
  const faults: string[] = [];
  const used = new Set<string>(entryPoints);
  const paths = new Set(files.map(({ path }) => path));
  for (const file of files) {
    const folder = file.path.split('/')[0] as string;
    const imports = importsOf(file);
    for (const target of imports) {
      if (target.startsWith('.')) {
        const path = resolveImport(file.path, target, paths);
        // A file that only its test needs is dead; benches and scripts are users.
        if (folder !== 'test') used.add(path);
        const to = path.split('/')[0] as string;
        const allowed = mayImport[folder];
        if (allowed && to !== folder && !allowed.includes(to) && !allowed.includes(path))
          faults.push(
            `${file.path} imports ${path}: ${folder} may import ${allowed.join(', ') || 'nothing'}`,
          );
        if (!['test', 'scripts', 'bench'].includes(folder) && ['test', 'bench'].includes(to))
          faults.push(`${file.path} imports ${path}: the product must not need its tests`);
      } else if (
        mayImport[folder] &&
        !target.startsWith('node:') &&
        !mayUsePackage(folder, packageOf(target))
      ) {
        faults.push(`${file.path} imports ${target}: put what talks to it under infra/`);
      }
    }
    faults.push(...findClockAndChance(file, folder));
  }
  for (const file of files) {
    const folder = file.path.split('/')[0] as string;
    if (folder in mayImport && !used.has(file.path) && !startedAsFile(file.path, files))
      faults.push(`${file.path} is imported by nothing but tests`);
  }
  return faults;
}

function findClockAndChance(file: SourceFile, folder: string): string[] {
  if (!(folder in mayImport) || folder === 'ui') return [];
  const faults: string[] = [];
  const code = file.text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  if (file.path !== 'domain/clock.ts' && /\bDate\.now\(|\bnew Date\(\)/.test(code))
    faults.push(`${file.path} reads the wall clock: take a Clock (domain/clock.ts)`);
  if (file.path !== 'domain/rng.ts' && /\bMath\.random\(/.test(code))
    faults.push(`${file.path} uses Math.random: take an Rng (domain/rng.ts)`);
  return faults;
}

function importsOf(file: SourceFile): string[] {
  return ts.preProcessFile(file.text, true, true).importedFiles.map((imported) => imported.fileName);
}

function resolveImport(from: string, target: string, paths: ReadonlySet<string>): string {
  const path = normalize(join(dirname(from), target));
  const tsx = path.replace(/\.jsx?$/, '.tsx');
  return paths.has(tsx) ? tsx : path.replace(/\.js$/, '.ts');
}

function packageOf(target: string): string {
  const parts = target.split('/');
  return target.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] as string);
}

function mayUsePackage(folder: string, name: string): boolean {
  if (folder === 'infra') return true;
  if (folder === 'ui') return uiPackages.has(name);
  return freePackages.has(name) || (folder === 'app' && appPackages.has(name));
}

/** Worker threads and child processes are started by `new URL('./name.js', import.meta.url)`. */
function startedAsFile(path: string, files: readonly SourceFile[]): boolean {
  const name = `./${(path.split('/').at(-1) as string).replace(/\.tsx?$/, '.js')}`;
  return files.some(
    (file) => dirname(file.path) === dirname(path) && file.text.includes(`new URL('${name}'`),
  );
}
