import { useEffect, useRef, useState } from "../vendor/preact-htm.js";

/**
 * @template T
 * @typedef {{data: T | null, error: Error | null, isLoading: boolean, reload: () => void}} Loaded
 */

/**
 * Load data, again when `keys` change; a newer load aborts the older one. The last data stays until the next is there.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} load
 * @param {unknown[]} keys
 * @returns {Loaded<T>}
 */
export function useLoaded(load, keys) {
  const [state, setState] = useState(/** @type {{data: T | null, error: Error | null, isLoading: boolean}} */ ({ data: null, error: null, isLoading: true }));
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    setState((/** @type {typeof state} */ last) => ({ ...last, isLoading: true }));
    load(abort.signal).then(
      (data) => { if (!abort.signal.aborted) setState({ data, error: null, isLoading: false }); },
      (error) => { if (!abort.signal.aborted) setState({ data: null, error, isLoading: false }); },
    );
    return () => abort.abort();
  }, [...keys, round]);
  return { ...state, reload: () => setRound((/** @type {number} */ last) => last + 1) };
}

/**
 * Call a function now and then, while the page is shown.
 * @param {() => void} tick
 * @param {number | null} everyMs null: not at all
 */
export function usePolling(tick, everyMs) {
  const latest = useRef(tick);
  latest.current = tick;
  useEffect(() => {
    if (everyMs === null) return undefined;
    const timer = setInterval(() => document.hidden || latest.current(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}

/**
 * Run actions of buttons and forms: shows that one is running, and its error.
 * @returns {{isBusy: boolean, error: Error | null, run: (action: () => Promise<unknown>) => Promise<void>}}
 */
export function useAction() {
  const [state, setState] = useState(/** @type {{isBusy: boolean, error: Error | null}} */ ({ isBusy: false, error: null }));
  /** @param {() => Promise<unknown>} action */
  async function run(action) {
    setState({ isBusy: true, error: null });
    try {
      await action();
      setState({ isBusy: false, error: null });
    } catch (error) {
      setState({ isBusy: false, error: /** @type {Error} */ (error) });
    }
  }
  return { ...state, run };
}

/** @param {string} title */
export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} - Matinee` : "Matinee";
  }, [title]);
}
