import { html, useMemo, useState } from "../../../vendor/preact-htm.js";
import { get } from "../../api.js";
import { Chart, colours } from "../../components/chart.js";
import { Loaded } from "../../components/feedback.js";
import { count, percent } from "../../format.js";
import { useLoaded } from "../../hooks.js";

/** @typedef {import("../../types.js").Bin} Bin */

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
    <${Loaded} loaded=${models}>${(/** @type {any} */ { models: versions }) => {
      const model = versions.find((/** @type {any} */ one) => one.version === chosen) ?? versions.find((/** @type {any} */ one) => one.is_active) ?? versions[0];
      if (!model) return html`<p>No model has been trained yet.</p>`;
      return html`
        <section>
          <div class="row"><h2>Held-out ratings</h2>
            <label class="inline">Version <select value=${model.version} onChange=${(/** @type {any} */ event) => setChosen(Number(event.currentTarget.value))}>
              ${versions.map((/** @type {any} */ one) => html`<option value=${one.version}>${one.version}${one.is_active ? " (live)" : ""}</option>`)}
            </select></label></div>
          <${Reliability} bins=${model.calibration} label=${`Reliability of version ${model.version}`} />
        </section>`;
    }}<//>
    <section>
      <h2>Live, since the start of the server</h2>
      <${Loaded} loaded=${live}>${(/** @type {any} */ { bins }) => bins.some((/** @type {Bin} */ bin) => bin.pairs)
        ? html`<${Reliability} bins=${bins} label="Reliability of the live recommendations" />`
        : html`<p>Nobody has rated a recommended film yet.</p>`}<//>
    </section>`;
}

/** @param {{bins: Bin[], label: string}} props */
function Reliability({ bins, label }) {
  const used = useMemo(() => bins.filter((bin) => bin.pairs > 0), [bins]);
  const data = useMemo(() => [used.map((bin) => bin.mean_predicted), used.map((bin) => bin.observed)], [used]);
  return html`
    <${Chart} label=${label} data=${data} options=${(/** @type {number} */ width) => optionsOf(used, width)} />
    <details><summary>Table</summary>
      <table>
        <thead><tr><th>Probability</th><th>Mean predicted</th><th>Observed</th><th>Ratings</th></tr></thead>
        <tbody>${used.map((bin) => html`
          <tr><th scope="row">${percent(bin.lower)} to ${percent(bin.upper)}</th><td>${percent(bin.mean_predicted)}</td>
            <td>${percent(bin.observed)}</td><td><meter min="0" max=${Math.max(...used.map((one) => one.pairs))} value=${bin.pairs} aria-label=${`${bin.pairs} ratings`}></meter> ${count(bin.pairs)}</td></tr>`)}</tbody>
      </table></details>`;
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
    hooks: { drawClear: [(/** @type {any} */ chart) => drawDiagonal(chart, muted)], draw: [(/** @type {any} */ chart) => drawIntervals(chart, bins, line)] },
  };
}

/** @param {any} chart @param {string} colour */
function drawDiagonal(chart, colour) {
  drawLine(chart, colour, [4, 4], 0, 0, 1, 1);
}

/** @param {any} chart @param {Bin[]} bins @param {string} colour */
function drawIntervals(chart, bins, colour) {
  for (const bin of bins) {
    const half = margin(bin);
    drawLine(chart, colour, [], bin.mean_predicted, Math.max(0, bin.observed - half), bin.mean_predicted, Math.min(1, bin.observed + half));
  }
}

/** @param {any} chart @param {string} colour @param {number[]} dash @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
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
