import { html, useState } from "../../vendor/preact-htm.js";
import { call, get } from "../api.js";
import { ErrorMessage, Loaded } from "../components/feedback.js";
import { RouteSelect } from "../components/filters.js";
import { Pager } from "../components/pager.js";
import { MyStars } from "../components/stars.js";
import { moment, plural } from "../format.js";
import { useAction, useLoaded, useTitle } from "../hooks.js";
import { href } from "../router.js";
import { modes, useVisitor } from "../store.js";

const LIMIT = 25;

/** @type {[string, string][]} */
const SORTS = [["", "Newest first"], ["timestamp", "Oldest first"], ["-rating", "Highest first"], ["rating", "Lowest first"]];

/** @typedef {import("../types.js").Movie} Movie */
/** @typedef {{movie: Movie, rating: number | null, timestamp: string | null}} Rated */

/**
 * A page of the visitor's ratings; a guest's, the newest first, from this browser.
 * @param {import("../store.js").Visitor} visitor
 * @param {{sort: string | undefined, page: number, limit: number}} query
 * @param {AbortSignal} signal
 * @returns {Promise<{ratings: Rated[], total: number}>}
 */
async function listRatings(visitor, query, signal) {
  if (visitor.userId !== null) {
    const { ratings, total } = await get("user/{user_id}/ratings", { user_id: visitor.userId, ...query, expand: "movies" }, signal);
    return { ratings: ratings.flatMap(({ movie, rating, timestamp }) => (movie ? [{ movie, rating, timestamp }] : [])), total };
  }
  const rated = [...visitor.ratings].filter(([, stars]) => stars !== null).reverse();
  const ids = rated.slice((query.page - 1) * query.limit, query.page * query.limit).map(([id]) => id);
  const { movies } = ids.length ? await get("movies", { movie_id: ids, limit: query.limit }, signal) : { movies: [] };
  return { ratings: movies.map((movie) => ({ movie, rating: visitor.ratings.get(movie.movie_id) ?? null, timestamp: null })), total: rated.length };
}

/** @param {{query: Record<string, string>}} props */
export function MyRatings({ query }) {
  useTitle("My ratings");
  const visitor = useVisitor();
  const page = Number(query.page ?? 1);
  const asked = { sort: query.sort, page, limit: LIMIT };
  const loaded = useLoaded((signal) => listRatings(visitor, asked, signal), [visitor.userId, visitor.moves, JSON.stringify(asked)]);
  return html`
    <h1>My ratings</h1>
    <${Loaded} loaded=${loaded}>${(/** @type {{ratings: Rated[], total: number}} */ found) => html`
      <div class="row"><p role="status">${plural(found.total, "rating")}</p>
        ${visitor.userId !== null && html`<${RouteSelect} label="Sort" name="sort" path="ratings" query=${query} options=${SORTS} />`}</div>
      ${found.total === 0 && html`<p class="empty">Nothing rated yet. <a href=${href("find")}>Find a film you have seen.</a></p>`}
      <table class="ratings">
        <thead class="hidden"><tr><th>Film</th><th>Rated</th><th>Stars</th></tr></thead>
        <tbody>${found.ratings.map(({ movie, rating, timestamp }) => html`
          <tr key=${movie.movie_id}>
            <th scope="row"><a href=${`#/movie/${movie.movie_id}`}>${movie.title}</a> <small>${movie.year}</small></th>
            <td><small>${timestamp ? moment(timestamp) : "in this browser"}</small></td>
            <td><${MyStars} movie=${{ ...movie, user_rating: rating }} /></td>
          </tr>`)}</tbody>
      </table>
      <${Pager} page=${page} limit=${LIMIT} total=${found.total} linkTo=${(/** @type {number} */ number) => href("ratings", { ...query, page: number })} />`}<//>
    ${visitor.userId !== null
      ? html`<${Import} userId=${visitor.userId} onDone=${loaded.reload} />`
      : html`<p class="muted">These ratings are in this browser only. To keep them, or to import those of Letterboxd or IMDb, ${" "}
          <a href="#/account">${modes.auth ? "sign in" : "create a user"}</a>.</p>`}`;
}

/** @typedef {import("../types.js").Schemas["ImportReport"]} ImportReport */

/** @param {{userId: number, onDone: () => void}} props */
function Import({ userId, onDone }) {
  const [report, setReport] = useState(/** @type {ImportReport | null} */ (null));
  const { isBusy, error, run } = useAction();
  /** @param {import("../types.js").On<HTMLInputElement>} event */
  function send(event) {
    const input = event.currentTarget;
    const [file] = input.files ?? [];
    if (!file) return;
    run(async () => {
      setReport(null);
      setReport(/** @type {ImportReport} */ (await call("POST", `user/${userId}/ratings/import`, file).finally(() => (input.value = ""))));
      onDone();
    });
  }
  return html`
    <section>
      <h2>Import</h2>
      <p>Bring your ratings from Letterboxd or IMDb: export them there, and choose the CSV file here.</p>
      <label>Ratings file <input type="file" accept=".csv,text/csv" aria-busy=${isBusy} onChange=${send} /></label>
      <${ErrorMessage} error=${error} />
      ${report && html`<${Report} report=${report} />`}
    </section>`;
}

/** @param {{report: ImportReport}} props */
function Report({ report }) {
  const missed = [...report.unmatched, ...report.ambiguous];
  return html`
    <div role="status">
      <p>${plural(report.matched, "rating")} matched: ${report.added} added, ${report.updated} changed, ${report.unchanged} unchanged.</p>
      ${missed.length > 0 && html`
        <details open><summary>${plural(missed.length, "row")} not imported</summary>
          <ul>${missed.map((row) => html`<li>Line ${row.line}: ${row.title ?? "no title"}: ${row.reason}</li>`)}</ul></details>`}
    </div>`;
}
