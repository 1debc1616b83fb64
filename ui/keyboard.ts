import { useLayoutEffect, useRef } from 'preact/hooks';

/** Keys by `KeyboardEvent.key`; not called while someone types, nor with ctrl, alt or meta. */
export function useKeys(bindings: Readonly<Record<string, (event: KeyboardEvent) => void>>): void {
  const current = useRef(bindings);
  current.current = bindings;
  // In the turn in which what they act on appears: an effect comes only after it was painted.
  useLayoutEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
      // A closed dialog keeps the focus until the browser draws again.
      if (
        event.target instanceof HTMLElement &&
        event.target.closest('input, textarea, select, dialog[open]')
      )
        return;
      // Enter and space on a focused control are the control's own.
      if ((event.key === 'Enter' || event.key === ' ') && isControl(event.target)) return;
      current.current[event.key]?.(event);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
}

function isControl(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('a, button, summary') !== null;
}
