// The API client. Every view goes through it; nothing else on this page calls `fetch`.
/** @typedef {import("./types.js").Problem} Problem */

const BASE = new URL("api/rest/v1/", document.baseURI);
const TOKEN = "matinee.token";

/** A refused request: `message` is the problem's `detail`, fit to be shown. */
export class ApiError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    const fields = (problem.errors ?? []).map((error) => `${error.pointer}: ${error.message}`);
    super([problem.detail, ...fields].join(" "));
    this.type = problem.type;
    this.status = problem.status;
  }
}

export const token = {
  get: () => localStorage.getItem(TOKEN),
  /** @param {string | null} value */
  set: (value) => (value === null ? localStorage.removeItem(TOKEN) : localStorage.setItem(TOKEN, value)),
};

/**
 * @param {string} path relative to the base path, without a leading slash
 * @param {Record<string, unknown>} query undefined, null, false and "" are left out; arrays repeat the parameter
 */
export function link(path, query = {}) {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined && item !== null && item !== "" && item !== false) url.searchParams.append(name, String(item));
    }
  }
  return url;
}

/**
 * @param {URL} url
 * @param {RequestInit} options
 * @returns {Promise<Response>}
 */
async function send(url, options) {
  const headers = new Headers(options.headers);
  const bearer = token.get();
  if (bearer) headers.set("Authorization", `Bearer ${bearer}`);
  const response = await fetch(url, { ...options, headers }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new ApiError({ type: "network", title: "Offline", status: 0, detail: "The server does not answer. Is it running?" });
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => null);
  throw new ApiError(problem ?? { type: "unknown", title: "Error", status: response.status, detail: `The server answered ${response.status}.` });
}

/**
 * @param {string} path
 * @param {Record<string, unknown>} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, query, signal) {
  return (await send(link(path, query), signal ? { signal } : {})).json();
}

/**
 * Send a body as JSON, or a form as it is.
 * @param {"POST" | "PUT" | "DELETE"} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {Record<string, unknown>} [query]
 * @returns {Promise<any>} the parsed body; null where there is none
 */
export async function call(method, path, body, query) {
  /** @type {RequestInit} */
  const options = { method };
  if (body instanceof URLSearchParams) options.body = body;
  else if (body instanceof Blob) Object.assign(options, { body, headers: { "Content-Type": "text/csv" } });
  else if (body !== undefined) Object.assign(options, { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  const response = await send(link(path, query), options);
  const text = await response.text();
  return text ? JSON.parse(text) : { location: response.headers.get("Location") };
}

/**
 * Get a page outside the base path as text: `/metrics`.
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
export async function getText(path, signal) {
  return (await send(new URL(path, document.baseURI), signal ? { signal } : {})).text();
}
