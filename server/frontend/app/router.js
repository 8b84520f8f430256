// Hash routes: `#/movie/42?tab=similar` is the path ["movie", "42"] and the query {tab: "similar"}.
import { useEffect, useState } from "../vendor/preact-htm.js";

/** @typedef {{path: string[], query: Record<string, string>}} Route */

/** @returns {Route} */
function currentRoute() {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean), query: Object.fromEntries(new URLSearchParams(query)) };
}

/** @returns {Route} */
export function useRoute() {
  const [route, setRoute] = useState(currentRoute);
  useEffect(() => {
    const follow = () => setRoute(currentRoute());
    addEventListener("hashchange", follow);
    // The address may have changed since the first rendering, when nobody listened yet.
    if (JSON.stringify(currentRoute()) !== JSON.stringify(route)) follow();
    return () => removeEventListener("hashchange", follow);
  }, []);
  return route;
}

/**
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} [query] empty values are left out
 */
export function href(path, query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(kept.map(([name, value]) => [name, String(value)])).toString();
  return `#/${path}${text ? `?${text}` : ""}`;
}

/**
 * Change the address without a new entry in the history: what is typed is one visit, not twenty.
 * @param {string} hash
 */
export function replace(hash) {
  history.replaceState(null, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}
