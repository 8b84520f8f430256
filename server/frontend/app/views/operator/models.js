import { html, useState } from "../../../vendor/preact-htm.js";
import { call, get } from "../../api.js";
import { ConfirmButton } from "../../components/confirm.js";
import { Loaded } from "../../components/feedback.js";
import { count, decimal, moment, percent } from "../../format.js";
import { useLoaded } from "../../hooks.js";

/** @typedef {import("../../types.js").ModelVersion} ModelVersion */

const LIMIT = 100;
const COMPARED = 2;

/** @type {[label: string, read: (model: ModelVersion) => string][]} */
const FIGURES = [
  ["Algorithm", (model) => model.algorithm],
  ["Trained", (model) => moment(model.created_at)],
  ["Verdict", (model) => model.verdict ?? "-"],
  ["Ratings", (model) => count(model.data.ratings)],
  ["NDCG@10", ({ metrics }) => `${decimal(metrics.ndcg_at_10, 3)} (${decimal(metrics.ndcg_at_10_low, 3)} to ${decimal(metrics.ndcg_at_10_high, 3)})`],
  ["Recall@20", ({ metrics }) => decimal(metrics.recall_at_20, 3)],
  ["Coverage", ({ metrics }) => percent(metrics.coverage)],
  ["ECE (by chance)", ({ metrics }) => `${decimal(metrics.ece, 3)} (${decimal(metrics.ece_floor, 3)})`],
  ["AUC", ({ metrics }) => decimal(metrics.auc, 3)],
  ["Size", (model) => `${decimal(model.size_bytes / 1e6, 1)} MB`],
];

export function Models() {
  const loaded = useLoaded((signal) => get("recommendation-engine/models", { limit: LIMIT }, signal), []);
  const [chosen, setChosen] = useState(/** @type {number[]} */ ([]));
  /** @param {number} version */
  const toggle = (version) => setChosen((/** @type {number[]} */ last) => last.includes(version) ? last.filter((one) => one !== version) : [...last, version].slice(-COMPARED));
  return html`<${Loaded} loaded=${loaded}>${(/** @type {{models: ModelVersion[]}} */ { models }) => html`
    ${models.length === 0 && html`<p class="empty">No model has been trained yet. <a href="#/operator/runs">Train one.</a></p>`}
    <div class="scroll" role="region" aria-label="Versions" tabindex="0"><table class="stack numbers" aria-label="Model versions">
      <thead><tr><th>Version</th><th>Compare</th><th>Trained</th><th>NDCG@10</th><th>ECE</th><th><span class="hidden">Actions</span></th></tr></thead>
      <tbody>${models.map((model) => html`
        <tr key=${model.version}>
          <th scope="row">${model.version} ${model.is_active && html`<span class="badge ok">live</span>`}</th>
          <td><input type="checkbox" aria-label=${`Compare version ${model.version}`} checked=${chosen.includes(model.version)} onChange=${() => toggle(model.version)} /></td>
          <td data-label="Trained">${moment(model.created_at)}</td>
          <td data-label="NDCG@10">${decimal(model.metrics.ndcg_at_10, 3)}</td>
          <td data-label="ECE">${decimal(model.metrics.ece, 3)}</td>
          <td>${!model.is_active && html`<${Activate} version=${model.version} onDone=${loaded.reload} />`}</td>
        </tr>`)}</tbody>
    </table></div>
    <${Comparison} models=${models.filter((model) => chosen.includes(model.version))} />`}<//>`;
}

/** @param {{version: number, onDone: () => void}} props */
function Activate({ version, onDone }) {
  const activate = async () => {
    await call("PUT", "recommendation-engine/active-model", { version });
    onDone();
  };
  return html`<${ConfirmButton} label="Make it live" question=${`Make version ${version} the live one? Servers follow within a second.`} action=${activate}>Make live<//>`;
}

/**
 * A setting that is a model itself, like the second stage of the ranking, has too many numbers to show.
 * @param {unknown} value
 */
function setting(value) {
  return typeof value === "object" && value ? "learned" : String(value ?? "-");
}

/** @param {{models: ModelVersion[]}} props */
function Comparison({ models }) {
  const [first] = models;
  if (!first) return html`<p class="muted">Tick one or two versions to see their figures side by side.</p>`;
  const names = [...new Set(models.flatMap((model) => Object.keys(model.parameters)))];
  return html`
    <div class="scroll" role="region" aria-label="Side by side" tabindex="0"><table class="comparison" aria-label="Comparison">
      <thead><tr><th>Figure</th>${models.map(({ version }) => html`<th scope="col">Version ${version}</th>`)}</tr></thead>
      <tbody>
        ${FIGURES.map(([label, read]) => html`<tr><th scope="row">${label}</th>${models.map((model) => html`<td>${read(model)}</td>`)}</tr>`)}
        ${names.map((name) => html`<tr><th scope="row">${name}</th>${models.map((model) => html`<td>${setting(model.parameters[name])}</td>`)}</tr>`)}
        ${first.activity.map((bucket, i) => html`
          <tr><th scope="row">NDCG@10, ${bucket.ratings_from} ratings or more</th>${models.map((model) => html`<td>${decimal(model.activity[i]?.ndcg_at_10, 3)}</td>`)}</tr>`)}
      </tbody>
    </table></div>`;
}
