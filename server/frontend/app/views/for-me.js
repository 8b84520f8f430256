import { html } from "../../vendor/preact-htm.js";
import { call, get, isRefusal } from "../api.js";
import { Loaded } from "../components/feedback.js";
import { Facet, decadeChoices, filtersOf, genreChoices } from "../components/filters.js";
import { MovieCard } from "../components/movie-card.js";
import { percent, plural } from "../format.js";
import { useLoaded, useTitle } from "../hooks.js";
import { href } from "../router.js";
import { forgetUnknownMovies, modes, useVisitor } from "../store.js";

/** @typedef {import("../types.js").Recommendation} Recommendation */
/** @typedef {import("../types.js").Schemas["RecommendedMovies"]} Recommended */
/** @typedef {import("../types.js").Schemas["Facets"]} Facets */

const N = 24;
const NONE_YET = 409;
const UNKNOWN = 404;

/**
 * Recommendations of the visitor's user, or of a guest's ratings, which stay in the browser.
 * @param {import("../store.js").Visitor} visitor
 * @param {Record<string, unknown>} filters
 * @param {AbortSignal} signal
 * @returns {Promise<Recommended>}
 */
async function recommend(visitor, filters, signal) {
  if (visitor.userId !== null) return get("user/{user_id}/recommended-movies", { user_id: visitor.userId, ...filters }, signal);
  const ratings = [...visitor.ratings].flatMap(([movie_id, rating]) => (rating === null ? [] : [{ movie_id, rating }]));
  const { genre, ...others } = filters;
  const wanted = Object.fromEntries(Object.entries({ ...others, genre: genre && [genre] }).filter(([, value]) => value !== undefined));
  try {
    return /** @type {Recommended} */ (await call("POST", "recommendations", { ratings, ...wanted }));
  } catch (error) {
    if (isRefusal(/** @type {Error} */ (error), UNKNOWN)) await forgetUnknownMovies();
    throw error;
  }
}

/** @param {{query: Record<string, string>}} props */
export function ForMe({ query }) {
  useTitle("For me");
  const visitor = useVisitor();
  const filters = { n: N, exclude_seen: query.seen !== "shown", expand: ["movies"], explain: true, ...filtersOf(query) };
  const loaded = useLoaded((signal) => recommend(visitor, filters, signal), [visitor.userId, visitor.moves, JSON.stringify(filters)]);
  const facets = useLoaded((signal) => get("movies", { limit: 1, facets: true, ...filtersOf(query) }, signal), [query.genre, query.decade]);
  const shown = /** @type {Facets | undefined} */ (facets.data?.facets);
  /** @param {Record<string, string | null>} change */
  const linkTo = (change) => href("for-me", { ...query, ...change });
  return html`
    <hgroup><h1>For me</h1><${Basis} visitor=${visitor} /></hgroup>
    <div class="with-aside">
      <aside>
        <label class="switch"><input type="checkbox" checked=${query.seen !== "shown"}
          onChange=${() => void (location.hash = linkTo({ seen: query.seen === "shown" ? null : "shown" }))} /> Hide films I rated</label>
        ${shown && html`
          <${Facet} legend="Genre" choices=${genreChoices(shown.genres)} chosen=${query.genre} linkTo=${(/** @type {string | null} */ genre) => linkTo({ genre })} />
          <${Facet} legend="Decade" choices=${decadeChoices(shown.decades)} chosen=${query.decade} linkTo=${(/** @type {string | null} */ decade) => linkTo({ decade })} />`}
      </aside>
      <section>
        ${isRefusal(loaded.error, NONE_YET)
          ? html`<p role="status" class="empty">Recommendations appear after the first training.${visitor.isAdmin && html` <a href="#/operator/runs">Start one.</a>`}</p>`
          : html`<${Loaded} loaded=${loaded}>${(/** @type {Recommended} */ answer) => html`<${List} items=${answer.recommendations} />`}<//>`}
      </section>
    </div>`;
}

/** @param {{visitor: import("../store.js").Visitor}} props */
function Basis({ visitor }) {
  if (visitor.userId !== null) return html`<p>The list follows each of your ratings at once.</p>`;
  const rated = [...visitor.ratings.values()].filter((stars) => stars !== null).length;
  return html`<p>
    ${rated ? `From the ${plural(rated, "rating")} in this browser; nothing is stored on the server.` : "Rate a few films, and this list becomes yours."}
    ${" "}<a href="#/account">${modes.auth ? "Sign in to keep them." : "Create a user to keep them."}</a></p>`;
}

/** @param {{items: Recommendation[]}} props */
function List({ items }) {
  const [best] = items;
  if (!best) return html`<p class="empty">No film fits these filters.</p>`;
  const first = best.probability;
  return html`
    <p class="muted">Of 100 films shown with ${percent(first)}, about ${Math.round(first * 100)} were rated four stars or more by the people who rated them.</p>
    <ol class="grid" aria-label="Recommended films">
      ${items.map(({ movie, probability, because }) => html`<li key=${movie.movie_id}><${MovieCard} movie=${movie} probability=${probability} because=${because} /></li>`)}
    </ol>`;
}
