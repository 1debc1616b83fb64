/** TensorFlow.js for tests: it is there in CI, and where `node scripts/install-tfjs.mjs` was run. */
import { findTfjs, type TfjsBackend, type TfjsPlace } from '../../../infra/tfjs/packages.js';

export function installedTfjs(backend: TfjsBackend): TfjsPlace | undefined {
  try {
    return findTfjs([backend]);
  } catch {
    return undefined;
  }
}

/** For `skip` of node:test: why, or false. */
export function skipWithout(place: TfjsPlace | undefined): string | false {
  return (
    place === undefined &&
    'TensorFlow.js is not installed: node scripts/install-tfjs.mjs FOLDER, then set MILLWRIGHT_TFJS=FOLDER'
  );
}
