/** Paths that can be shared: `/`, `/machines/ID`, `/alerts`, `/alerts/ID`, with `q`, `line`, `show`, `sort`, `at`. */
import { useLayoutEffect, useState } from 'preact/hooks';

export type View =
  | { readonly name: 'fleet' }
  | { readonly name: 'machine'; readonly machine: string }
  | { readonly name: 'alerts'; readonly alertId: string | undefined }
  | { readonly name: 'nowhere'; readonly path: string };

export interface Route {
  readonly view: View;
  readonly query: URLSearchParams;
}

export const machinePath = (machine: string, atMs?: number) =>
  `/machines/${encodeURIComponent(machine)}${atMs === undefined ? '' : `?at=${atMs}`}`;
export const alertPath = (alertId: string) => `/alerts/${encodeURIComponent(alertId)}`;

const changed = new EventTarget();

export function navigate(path: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'push') history.pushState(null, '', path);
  else history.replaceState(null, '', path);
  changed.dispatchEvent(new Event('route'));
}

/** Sets (or, with '', removes) one word of the query and stays where we are. */
export function setQuery(name: string, value: string): void {
  const query = new URLSearchParams(location.search);
  if (value === '') query.delete(name);
  else query.set(name, value);
  const text = query.toString();
  navigate(`${location.pathname}${text === '' ? '' : `?${text}`}`, 'replace');
}

/** Links within the page do not load it again. */
export function interceptLinks(): void {
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.origin !== location.origin || link.target !== '') return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}

export function useRoute(): Route {
  const [route, setRoute] = useState(readRoute);
  useLayoutEffect(() => {
    const read = () => setRoute(readRoute());
    changed.addEventListener('route', read);
    addEventListener('popstate', read);
    return () => {
      changed.removeEventListener('route', read);
      removeEventListener('popstate', read);
    };
  }, []);
  return route;
}

function readRoute(): Route {
  return { view: parsePath(location.pathname), query: new URLSearchParams(location.search) };
}

function parsePath(path: string): View {
  const [, first = '', second, ...rest] = path.split('/');
  if (first === '' && second === undefined) return { name: 'fleet' };
  try {
    if (first === 'machines' && second && rest.length === 0)
      return { name: 'machine', machine: decodeURIComponent(second) };
    if (first === 'alerts' && rest.length === 0)
      return { name: 'alerts', alertId: second ? decodeURIComponent(second) : undefined };
  } catch {
    return { name: 'nowhere', path };
  }
  return { name: 'nowhere', path };
}
