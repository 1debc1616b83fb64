/** Where TensorFlow.js is, if it is anywhere: nobody who does not ask for it has to install it. */
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { UserError } from '../../domain/errors.js';
import type { NativeBackend, OpenTfjs, Tf } from './tfjs.js';

/** `node`: tfjs-node, TensorFlow's C library. `wasm`: WebAssembly, on any machine, slower. */
export const tfjsBackends = ['node', 'wasm'] as const;
export type TfjsBackend = (typeof tfjsBackends)[number];

export interface TfjsPlace {
  readonly backend: TfjsBackend;
  /** A file beside the node_modules that hold the packages. */
  readonly from: string;
}

const packagesOf: Readonly<Record<TfjsBackend, readonly string[]>> = {
  node: ['@tensorflow/tfjs-node'],
  wasm: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'],
};

/**
 * The first of `backends` that is installed: in the folder that the environment variable MILLWRIGHT_TFJS names, else
 * where Millwright is. Throws UserError, saying what to install, where there is none.
 */
export function findTfjs(
  backends: readonly TfjsBackend[] = tfjsBackends,
  folder: string | undefined = process.env.MILLWRIGHT_TFJS,
): TfjsPlace {
  const from = folder === undefined ? import.meta.filename : join(resolve(folder), 'package.json');
  for (const backend of backends)
    if (packagesOf[backend].every((name) => isInstalled(name, from))) return { backend, from };
  throw new UserError(
    `The engine tfjs needs TensorFlow.js, which is not installed${folder === undefined ? '' : ` in MILLWRIGHT_TFJS=${folder}`}: \`npm install @tensorflow/tfjs-node@4.22\` (half a gigabyte, fast), or \`npm install @tensorflow/tfjs@4.22 @tensorflow/tfjs-backend-wasm@4.22\` (WebAssembly, slower). Or choose \`engine: onnx\`, which comes with Millwright.`,
  );
}

function isInstalled(name: string, from: string): boolean {
  try {
    createRequire(from).resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Loads it, which takes a second and, with tfjs-node, a few hundred MB. */
export async function openTfjs({ backend, from }: TfjsPlace): Promise<OpenTfjs> {
  const require = createRequire(from);
  if (backend === 'node') {
    // tfjs-node 4.22 calls what Node 23 has removed.
    const util = require('node:util') as { isNullOrUndefined?: (value: unknown) => boolean };
    util.isNullOrUndefined ??= (value) => value === null || value === undefined;
    const tf = require('@tensorflow/tfjs-node') as Tf & { backend(): NativeBackend };
    return { tf, native: tf.backend() };
  }
  const tf = require('@tensorflow/tfjs') as Tf & { setBackend(name: string): Promise<boolean> };
  require('@tensorflow/tfjs-backend-wasm');
  if (!(await tf.setBackend('wasm'))) throw new Error('TensorFlow.js cannot start its WebAssembly backend');
  return { tf, native: undefined };
}
