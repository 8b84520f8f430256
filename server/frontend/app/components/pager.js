import { html } from "../../vendor/preact-htm.js";
import { count } from "../format.js";

/** @param {{page: number, limit: number, total: number, linkTo: (page: number) => string}} props */
export function Pager({ page, limit, total, linkTo }) {
  const last = Math.max(1, Math.ceil(total / limit));
  if (last === 1) return null;
  return html`
    <nav class="pager" aria-label="Pages">
      ${page > 1 ? html`<a href=${linkTo(page - 1)} rel="prev">Previous</a>` : html`<span></span>`}
      <span>Page ${count(page)} of ${count(last)}</span>
      ${page < last ? html`<a href=${linkTo(page + 1)} rel="next">Next</a>` : html`<span></span>`}
    </nav>`;
}
