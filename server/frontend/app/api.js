// The API client. Every view goes through it; nothing else on this page calls `fetch`.
/** @typedef {import("./types.js").Problem} Problem */
/** @typedef {import("./types.js").Reads} Reads */

const BASE = new URL("api/rest/v1/", document.baseURI);
const TOKEN = "matinee.token";

/** A refused request: `message` is what is wrong with the fields, else the problem's `detail`; fit to be shown. */
export class ApiError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    const fields = (problem.errors ?? []).map(({ pointer, message }) => `${pointer.split("/").at(-1)?.replaceAll("_", " ")}: ${message}`);
    super(fields.length ? `${fields.join(". ").replace(/\.$/, "")}.` : problem.detail);
    this.type = problem.type;
    this.status = problem.status;
  }
}

/** Whether a request was refused with a status. @param {Error | null} error @param {number} status */
export const isRefusal = (error, status) => error instanceof ApiError && error.status === status;

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
 * @template {keyof Reads} Path
 * @param {Path} path below the base path; each `{name}` in it takes the value of that name, the other values are the query
 * @param {import("./types.js").Values<Reads[Path]>} values
 * @param {AbortSignal} [signal]
 * @returns {Promise<import("./types.js").Answer<Reads[Path]>>}
 */
export async function get(path, values, signal) {
  /** @type {Record<string, unknown>} */
  const query = { ...values };
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => {
    const value = encodeURIComponent(String(query[name]));
    delete query[name];
    return value;
  });
  return (await send(link(filled, query), signal ? { signal } : {})).json();
}

/**
 * Send a body as JSON, or a form as it is.
 * @param {"POST" | "PUT" | "DELETE"} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<unknown>} the parsed body; null where there is none
 */
export async function call(method, path, body) {
  /** @type {RequestInit} */
  const options = { method };
  if (body instanceof URLSearchParams) options.body = body;
  else if (body instanceof Blob) Object.assign(options, { body, headers: { "Content-Type": "text/csv" } });
  else if (body !== undefined) Object.assign(options, { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  const response = await send(link(path), options);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/**
 * Get a page outside the base path as text: `/metrics`.
 * @param {string} path
 * @param {AbortSignal} [signal]
 */
export async function getText(path, signal) {
  return (await send(new URL(path, document.baseURI), signal ? { signal } : {})).text();
}
