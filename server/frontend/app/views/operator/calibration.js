import { html, useMemo, useState } from "../../../vendor/preact-htm.js";
import { get } from "../../api.js";
import { Chart, colours } from "../../components/chart.js";
import { Loaded } from "../../components/feedback.js";
import { count, percent } from "../../format.js";
import { useLoaded } from "../../hooks.js";

/** @typedef {import("../../types.js").Bin} Bin */
/** @typedef {import("../../types.js").ModelVersion} ModelVersion */
/** @typedef {import("../../components/chart.js").Plot} Plot */

const HEIGHT = 320;
const Z = 1.96;

/** The half width of the 95 % interval of an observed share. @param {Bin} bin */
const margin = ({ observed, pairs }) => Z * Math.sqrt(Math.max(observed * (1 - observed), 1e-9) / pairs);

export function Calibration() {
  const models = useLoaded((signal) => get("recommendation-engine/models", { limit: 100 }, signal), []);
  const live = useLoaded((signal) => get("recommendation-engine/live-calibration", {}, signal), []);
  const [chosen, setChosen] = useState(/** @type {number | null} */ (null));
  return html`
    <p class="muted">A point on the diagonal is a probability that came true. Bars are 95 % intervals.</p>
    <${Loaded} loaded=${models}>${(/** @type {{models: ModelVersion[]}} */ { models: versions }) => {
      const model = versions.find((one) => one.version === chosen) ?? versions.find((one) => one.is_active) ?? versions[0];
      if (!model) return html`<p class="empty">No model has been trained yet.</p>`;
      return html`
        <section>
          <div class="row"><h2>Held-out ratings</h2>
            <label class="inline">Version <select value=${model.version} onChange=${(/** @type {import("../../types.js").On<HTMLSelectElement>} */ event) => setChosen(Number(event.currentTarget.value))}>
              ${versions.map((one) => html`<option value=${one.version}>${one.version}${one.is_active ? " (live)" : ""}</option>`)}
            </select></label></div>
          <${Reliability} bins=${model.calibration} label=${`Reliability of version ${model.version}`} />
        </section>`;
    }}<//>
    <section>
      <h2>Live, since the start of the server</h2>
      <${Loaded} loaded=${live}>${(/** @type {{bins: Bin[]}} */ { bins }) => bins.some((bin) => bin.pairs)
        ? html`<${Reliability} bins=${bins} label="Reliability of the live recommendations" />`
        : html`<p class="empty">Nobody has rated a recommended film yet.</p>`}<//>
    </section>`;
}

/** @param {{bins: Bin[], label: string}} props */
function Reliability({ bins, label }) {
  const used = useMemo(() => bins.filter((bin) => bin.pairs > 0), [bins]);
  const data = useMemo(() => [used.map((bin) => bin.mean_predicted), used.map((bin) => bin.observed)], [used]);
  const most = Math.max(...used.map((bin) => bin.pairs));
  return html`
    <div class="beside">
      <${Chart} label=${label} data=${data} options=${(/** @type {number} */ width) => optionsOf(used, width)} />
      <div class="scroll" role="region" aria-label=${`Table: ${label}`} tabindex="0"><table class="bins numbers">
        <thead><tr><th>Probability</th><th>Predicted</th><th>Observed</th><th>Ratings</th><th><span class="hidden">Share</span></th></tr></thead>
        <tbody>${used.map((bin) => html`
          <tr><th scope="row">${Math.round(bin.lower * 100)} to ${percent(bin.upper)}</th><td>${percent(bin.mean_predicted)}</td><td>${percent(bin.observed)}</td>
            <td>${count(bin.pairs)}</td><td><meter min="0" max=${most} value=${bin.pairs} aria-label=${`${bin.pairs} ratings`}></meter></td></tr>`)}</tbody>
      </table></div>
    </div>`;
}

/** @param {Bin[]} bins @param {number} width */
function optionsOf(bins, width) {
  const { line, text, grid, muted } = colours();
  const axis = { stroke: text, grid: { stroke: grid }, ticks: { stroke: grid } };
  return {
    width: Math.min(width, 640), height: HEIGHT, legend: { show: false }, cursor: { show: false },
    scales: { x: { time: false, range: [0, 1] }, y: { range: [0, 1] } },
    axes: [{ ...axis, label: "Predicted" }, { ...axis, label: "Observed" }],
    series: [{}, { stroke: line, width: 2, points: { show: true, size: 7, fill: line } }],
    hooks: { drawClear: [(/** @type {Plot} */ chart) => drawDiagonal(chart, muted)], draw: [(/** @type {Plot} */ chart) => drawIntervals(chart, bins, line)] },
  };
}

/** @param {Plot} chart @param {string} colour */
function drawDiagonal(chart, colour) {
  drawLine(chart, colour, [4, 4], 0, 0, 1, 1);
}

/** @param {Plot} chart @param {Bin[]} bins @param {string} colour */
function drawIntervals(chart, bins, colour) {
  for (const bin of bins) {
    const half = margin(bin);
    drawLine(chart, colour, [], bin.mean_predicted, Math.max(0, bin.observed - half), bin.mean_predicted, Math.min(1, bin.observed + half));
  }
}

/** @param {Plot} chart @param {string} colour @param {number[]} dash @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
function drawLine(chart, colour, dash, x0, y0, x1, y1) {
  const { ctx } = chart;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.setLineDash(dash);
  ctx.beginPath();
  ctx.moveTo(chart.valToPos(x0, "x", true), chart.valToPos(y0, "y", true));
  ctx.lineTo(chart.valToPos(x1, "x", true), chart.valToPos(y1, "y", true));
  ctx.stroke();
  ctx.restore();
}
