import { useEffect, useRef, useState } from 'preact/hooks';
import { getJson } from './client.js';

/** With an accelerated plant a machine changes ten times a second: look again at most this often. */
const reloadMs = 500;

/**
 * Loads `path`, and loads it again when `version` changes, one request at a time. What was shown stays until the
 * new answer is there; another path starts empty. No path, no request.
 */
export function useReloading<T>(
  path: string | undefined,
  version: unknown,
): { data: T | undefined; failure: string } {
  const [loaded, setLoaded] = useState<{ path: string; data: T | undefined; failure: string }>();
  const lastLoad = useRef({ path: '', atMs: 0 });
  useEffect(() => {
    if (path === undefined) return;
    const stop = new AbortController();
    const sinceMs = performance.now() - lastLoad.current.atMs;
    const waitMs = lastLoad.current.path === path ? Math.max(0, reloadMs - sinceMs) : 0;
    const timer = setTimeout(() => {
      lastLoad.current = { path, atMs: performance.now() };
      getJson<T>(path, stop.signal)
        .then((data) => setLoaded({ path, data, failure: '' }))
        .catch((error: unknown) => {
          if (stop.signal.aborted) return;
          const failure = error instanceof Error ? error.message : String(error);
          setLoaded((before) => ({ path, data: before?.path === path ? before.data : undefined, failure }));
        });
    }, waitMs);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [path, version]);
  return loaded && loaded.path === path ? loaded : { data: undefined, failure: '' };
}
