import { html, useRef, useState } from "../../../vendor/preact-htm.js";
import { getText } from "../../api.js";
import { ErrorMessage } from "../../components/feedback.js";
import { count, decimal } from "../../format.js";
import { useAction, usePolling } from "../../hooks.js";

const POLL_MS = 2_000;

/** @typedef {{requests: number, errors: number, buckets: Map<number, number>}} Route */
/** @typedef {{at: number, routes: Map<string, Route>}} Sample */

/** Read the counters of requests from the text format of Prometheus. @param {string} text @returns {Sample} */
export function parseMetrics(text) {
  /** @type {Map<string, Route>} */
  const routes = new Map();
  for (const line of text.split("\n")) {
    const match = line.match(/^(matinee_requests_total|matinee_request_duration_seconds_bucket)\{(.*)\} (\S+)$/);
    if (!match) continue;
    const [, name, labelText = "", value] = match;
    const labels = Object.fromEntries([...labelText.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, text]) => [key, text]));
    const key = `${labels.method} ${labels.route}`;
    const route = routes.get(key) ?? { requests: 0, errors: 0, buckets: new Map() };
    routes.set(key, route);
    if (name === "matinee_requests_total") {
      route.requests += Number(value);
      if (Number(labels.status) >= 400) route.errors += Number(value);
    } else route.buckets.set(labels.le === "+Inf" ? Infinity : Number(labels.le), Number(value));
  }
  return { at: performance.now(), routes };
}

/** The upper bound, in milliseconds, of the bucket that holds a quantile. @param {Map<number, number>} now @param {Map<number, number>} before @param {number} quantile */
function quantileMs(now, before, quantile) {
  const bounds = [...now.keys()].sort((a, b) => a - b);
  const counted = (/** @type {number} */ bound) => (now.get(bound) ?? 0) - (before.get(bound) ?? 0);
  const total = counted(Infinity);
  if (!total) return null;
  return (bounds.find((bound) => counted(bound) >= quantile * total) ?? Infinity) * 1000;
}

/** @param {number | null} value */
const bound = (value) => (value === null ? "-" : value === Infinity ? "over 10 s" : `≤ ${decimal(value, value < 10 ? 1 : 0)} ms`);

export function Traffic() {
  const first = useRef(/** @type {Sample | null} */ (null));
  const [samples, setSamples] = useState(/** @type {Sample[]} */ ([]));
  const { error, run } = useAction();
  const poll = () => run(async () => {
    const sample = parseMetrics(await getText("metrics"));
    first.current ??= sample;
    setSamples((last) => [...last, sample].slice(-2));
  });
  usePolling(poll, POLL_MS);
  const [before, now] = samples;
  return html`
    <${ErrorMessage} error=${error} />
    ${before && now && first.current ? html`<${Table} first=${first.current} before=${before} now=${now} />` : html`<p aria-busy="true">Measuring</p>`}`;
}

/** @param {{first: Sample, before: Sample, now: Sample}} props */
function Table({ first, before, now }) {
  const seconds = (now.at - before.at) / 1000;
  const rows = [...now.routes].map(([name, route]) => {
    const start = first.routes.get(name) ?? { requests: 0, errors: 0, buckets: new Map() };
    const last = before.routes.get(name) ?? { requests: 0 };
    return { name, rate: (route.requests - last.requests) / seconds, requests: route.requests - start.requests, errors: route.errors - start.errors,
      p50: quantileMs(route.buckets, start.buckets, 0.5), p95: quantileMs(route.buckets, start.buckets, 0.95) };
  }).filter((row) => row.requests > 0).sort((a, b) => b.requests - a.requests);
  return html`
    <p role="status">${decimal(rows.reduce((sum, row) => sum + row.rate, 0), 1)} requests a second</p>
    <div class="scroll" role="region" aria-label="Traffic" tabindex="0"><table class="numbers" aria-label="Requests by route, since this page was opened">
      <thead><tr><th>Route</th><th>Per second</th><th>p50</th><th>p95</th><th>Requests</th><th>Errors</th></tr></thead>
      <tbody>${rows.map((row) => html`
        <tr><th scope="row"><code>${row.name}</code></th><td>${decimal(row.rate, 1)}</td><td>${bound(row.p50)}</td><td>${bound(row.p95)}</td><td>${count(row.requests)}</td><td>${count(row.errors)}</td></tr>`)}</tbody>
    </table></div>`;
}
