import { html } from "../../../vendor/preact-htm.js";
import { get } from "../../api.js";
import { Loaded } from "../../components/feedback.js";
import { count, duration } from "../../format.js";
import { useLoaded, usePolling } from "../../hooks.js";

const POLL_MS = 5_000;

/** @typedef {import("../../types.js").Schemas} Schemas */
/** @typedef {{statistics: Schemas["Statistics"], engine: Schemas["RecommendationEngine"]}} Look */

/** @param {AbortSignal} signal @returns {Promise<Look>} */
async function look(signal) {
  const [statistics, engine] = await Promise.all([get("statistics", {}, signal), get("recommendation-engine", {}, signal)]);
  return { statistics, engine };
}

export function Now() {
  const loaded = useLoaded(look, []);
  usePolling(loaded.reload, POLL_MS);
  return html`
    <${Loaded} loaded=${loaded}>${(/** @type {Look} */ { statistics, engine }) => html`
    <dl class="figures">
      ${[
        ["Movies", count(statistics.movies)],
        ["Users", count(statistics.users)],
        ["Ratings", count(statistics.ratings)],
        ["Ratings since the live model", count(statistics.ratings_since_live_model ?? statistics.ratings)],
        ["Live version", engine.active_model ? String(engine.active_model.version) : "none"],
        ["Its age", engine.active_model ? duration(engine.age_s) : "-"],
        ["Database", statistics.database],
        ["Matinee", statistics.version],
      ].map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
    </dl>`}<//>
    <${Findings} />`;
}

function Findings() {
  const loaded = useLoaded((signal) => get("diagnostics", {}, signal), []);
  return html`
    <section>
      <div class="row"><h2>Findings</h2><button type="button" class="secondary" aria-busy=${loaded.isLoading} onClick=${loaded.reload}>Check again</button></div>
      <${Loaded} loaded=${loaded}>${(/** @type {Schemas["Diagnosis"]} */ { findings }) => html`
        <div class="scroll" role="region" aria-label="Findings" tabindex="0"><table class="stack">
          <thead><tr><th>Check</th><th>Health</th><th>Detail</th></tr></thead>
          <tbody>${findings.map((finding) => html`
            <tr><th scope="row">${finding.name}</th><td><span class=${`badge ${finding.health}`}>${finding.health}</span></td>
              <td>${finding.detail} ${finding.remedy && html`<br /><small>${finding.remedy}</small>`}</td></tr>`)}</tbody>
        </table></div>`}<//>
    </section>`;
}
