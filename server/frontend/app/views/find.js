import { html, useEffect, useRef } from "../../vendor/preact-htm.js";
import { get } from "../api.js";
import { Loaded } from "../components/feedback.js";
import { Facet, RouteSelect, decadeChoices, filtersOf, genreChoices } from "../components/filters.js";
import { MovieGrid } from "../components/movie-card.js";
import { Pager } from "../components/pager.js";
import { plural } from "../format.js";
import { useLoaded, useTitle } from "../hooks.js";
import { href, replace } from "../router.js";
import { useVisitor } from "../store.js";

/** @typedef {import("../types.js").MoviePage} MoviePage */

const LIMIT = 24;

/** @type {[string, string][]} */
const SORTS = [
  ["", "Best match"],
  ["popularity", "Most rated"],
  ["top_rated", "Top rated"],
  ["-year", "Newest"],
  ["year", "Oldest"],
  ["title", "Title"],
];

/** @param {{query: Record<string, string>}} props */
export function Find({ query }) {
  useTitle(query.search ? `“${query.search}”` : "");
  const hasFilter = Boolean(query.search || query.genre || query.decade || query.sort);
  return html`
    <h1 class="hidden">Find a film</h1>
    <${SearchBox} query=${query} />
    ${hasFilter ? html`<${Results} query=${query} />` : html`<${FrontPage} />`}`;
}

/** @param {{query: Record<string, string>}} props */
function SearchBox({ query }) {
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    // While somebody types, the box is ahead of the address.
    if (input.current && document.activeElement !== input.current) input.current.value = query.search ?? "";
  }, [query.search]);
  const follow = () => replace(href("find", { ...query, page: null, search: input.current?.value }));
  return html`
    <form role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <input ref=${input} type="search" name="search" maxlength="200" autocomplete="off" spellcheck=${false}
        aria-label="Search films" placeholder="Title, genre, year, tag: “90s comedy”, “godfather 2”" onInput=${follow} />
    </form>`;
}

function FrontPage() {
  return html`
    <${Shelf} title="Popular" sort="popularity" />
    <${Shelf} title="Top rated" sort="top_rated" />`;
}

/** @param {{title: string, sort: string}} props */
function Shelf({ title, sort }) {
  const { userId } = useVisitor();
  const loaded = useLoaded((signal) => get("movies", { sort, limit: 6, user_id: userId }, signal), [sort, userId]);
  return html`
    <section>
      <hgroup class="row"><h2>${title}</h2><a href=${href("find", { sort })}>See all<span class="hidden"> films, ${title.toLowerCase()} first</span></a></hgroup>
      <${Loaded} loaded=${loaded}>${(/** @type {MoviePage} */ page) => html`<${MovieGrid} movies=${page.movies} label=${title} />`}<//>
    </section>`;
}

/** @param {{query: Record<string, string>}} props */
function Results({ query }) {
  const { userId } = useVisitor();
  const page = Number(query.page ?? 1);
  const asked = { search: query.search, sort: query.sort, ...filtersOf(query), page, limit: LIMIT, facets: true, highlight: Boolean(query.search), user_id: userId };
  const loaded = useLoaded((signal) => get("movies", asked, signal), [JSON.stringify(asked)]);
  /** @param {Record<string, string | number | null>} change */
  const linkTo = (change) => href("find", { ...query, page: null, ...change });
  return html`<${Loaded} loaded=${loaded}>${(/** @type {MoviePage & Required<Pick<MoviePage, "facets">>} */ found) => html`
    <div class="with-aside">
      <aside>
        <${Facet} legend="Genre" choices=${genreChoices(found.facets.genres)} chosen=${query.genre} linkTo=${(/** @type {string | null} */ genre) => linkTo({ genre })} />
        <${Facet} legend="Decade" choices=${decadeChoices(found.facets.decades)} chosen=${query.decade} linkTo=${(/** @type {string | null} */ decade) => linkTo({ decade })} />
      </aside>
      <section>
        <div class="row">
          <p role="status">${plural(found.total, "film")}${found.corrected_search && html`, showing results for <b>${found.corrected_search}</b>`}</p>
          <${RouteSelect} label="Sort" name="sort" path="find" query=${query} options=${SORTS} />
        </div>
        ${found.total === 0 && html`<p class="empty">No film matches. Try fewer words${query.genre || query.decade
          ? html`, or <a href=${href("find", { search: query.search })}>clear the filters</a>` : ""}.</p>`}
        <${MovieGrid} movies=${found.movies} label="Results" />
        <${Pager} page=${page} limit=${LIMIT} total=${found.total} linkTo=${(/** @type {number} */ number) => linkTo({ page: number })} />
      </section>
    </div>`}<//>`;
}
