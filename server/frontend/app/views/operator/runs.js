import { html } from "../../../vendor/preact-htm.js";
import { call, get } from "../../api.js";
import { ConfirmButton } from "../../components/confirm.js";
import { ErrorMessage, Loaded } from "../../components/feedback.js";
import { Pager } from "../../components/pager.js";
import { duration, moment, percent } from "../../format.js";
import { useAction, useLoaded, usePolling } from "../../hooks.js";
import { href } from "../../router.js";

const LIMIT = 10;
const POLL_MS = 1_000;
const ACTIVE = new Set(["queued", "running"]);

/** @param {{started_at: string | null, finished_at: string | null}} run */
function seconds({ started_at, finished_at }) {
  if (!started_at) return null;
  const end = finished_at ? Date.parse(`${finished_at}Z`) : Date.now();
  return Math.max(0, (end - Date.parse(`${started_at}Z`)) / 1000);
}

/** @param {{query: Record<string, string>}} props */
export function Runs({ query }) {
  const page = Number(query.page ?? 1);
  const loaded = useLoaded((signal) => get("recommendation-engine/runs", { page, limit: LIMIT }, signal), [page]);
  usePolling(loaded.reload, POLL_MS);
  const { isBusy, error, run } = useAction();
  const start = () => run(async () => {
    await call("POST", "recommendation-engine");
    loaded.reload();
  });
  return html`
    <p class="row start"><button type="button" aria-busy=${isBusy} onClick=${start}>Train now</button>
      <span class="muted">Trains on all ratings of this moment, in the background.</span></p>
    <${ErrorMessage} error=${error} />
    <${Loaded} loaded=${loaded}>${(/** @type {import("../../types.js").Schemas["TrainingRunPage"]} */ found) => html`
      <div class="scroll" role="region" aria-label="Runs" tabindex="0"><table class="stack" aria-label="Training runs">
        <thead><tr><th>Run</th><th>Status</th><th>Progress</th><th>Started</th><th>Duration</th><th>Result</th><th><span class="hidden">Actions</span></th></tr></thead>
        <tbody>${found.runs.map((item) => html`<${Run} key=${item.run_id} run=${item} onChange=${loaded.reload} />`)}</tbody>
      </table></div>
      ${found.total === 0 && html`<p class="empty">No training has run yet.</p>`}
      <${Pager} page=${page} limit=${LIMIT} total=${found.total} linkTo=${(/** @type {number} */ number) => href("operator/runs", { page: number })} />`}<//>`;
}

/** @param {{run: import("../../types.js").TrainingRun, onChange: () => void}} props */
function Run({ run, onChange }) {
  const cancel = async () => {
    await call("DELETE", `recommendation-engine/runs/${run.run_id}`);
    onChange();
  };
  return html`
    <tr>
      <th scope="row">${run.run_id}</th>
      <td><span class=${`badge ${run.status}`}>${run.status}</span></td>
      <td>${ACTIVE.has(run.status)
        ? html`<progress max="1" value=${run.progress} aria-label=${`Run ${run.run_id}`}></progress> <small>${percent(run.progress)} ${run.stage ?? ""}</small>`
        : run.version !== null && html`version ${run.version}`}</td>
      <td data-label="Started">${moment(run.started_at)}</td>
      <td data-label="Duration">${duration(seconds(run))}</td>
      <td><small>${run.error ?? run.verdict ?? ""}</small></td>
      <td>${ACTIVE.has(run.status) && html`<${ConfirmButton} label="Cancel the run" question=${`Cancel run ${run.run_id}?`} action=${cancel}>Cancel<//>`}</td>
    </tr>`;
}
