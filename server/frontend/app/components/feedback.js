// What a view shows while it has no data: an error, or that it is loading.
import { html } from "../../vendor/preact-htm.js";

/** @param {{error: Error | null}} props */
export function ErrorMessage({ error }) {
  return error && html`<p role="alert" class="error">${error.message}</p>`;
}

/**
 * Show loaded data, its error, or that it is on its way.
 * @template T
 * @param {{loaded: import("../hooks.js").Loaded<T>, children: (data: T) => unknown}} props
 */
export function Loaded({ loaded, children }) {
  if (loaded.error) return html`<${ErrorMessage} error=${loaded.error} />`;
  if (loaded.data === null) return html`<p aria-busy="true" class="muted">Loading</p>`;
  return html`<div class=${loaded.isLoading ? "loading" : ""}>${children(loaded.data)}</div>`;
}
