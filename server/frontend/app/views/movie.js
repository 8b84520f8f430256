import { html } from "../../vendor/preact-htm.js";
import { get, isRefusal } from "../api.js";
import { Loaded } from "../components/feedback.js";
import { MovieGrid } from "../components/movie-card.js";
import { AverageStars, MyStars } from "../components/stars.js";
import { count, hue, initial, plural } from "../format.js";
import { useLoaded, useTitle } from "../hooks.js";
import { href } from "../router.js";
import { useVisitor } from "../store.js";

/** @typedef {import("../types.js").Schemas} Schemas */
/** @typedef {import("../types.js").Movie} Movie */
/** @typedef {import("../types.js").MoviePage} MoviePage */

const NONE_YET = 409;

/** @param {{movieId: number}} props */
export function MovieView({ movieId }) {
  const { userId, moves } = useVisitor();
  const loaded = useLoaded((signal) => get("movies", { movie_id: movieId, user_id: userId }, signal), [movieId, userId, moves]);
  return html`<${Loaded} loaded=${loaded}>${(/** @type {MoviePage} */ page) => page.movies.length
    ? html`<${Details} movie=${page.movies[0]} moves=${moves} />`
    : html`<p role="alert" class="empty">Film ${movieId} does not exist. <a href=${href("find")}>Search for one.</a></p>`}<//>`;
}

/** @param {{movie: Movie, moves: number}} props */
function Details({ movie, moves }) {
  useTitle(movie.title);
  return html`
    <article class="details" style=${{ "--hue": hue(movie.title) }}>
      <div class="poster" aria-hidden="true"><span>${initial(movie.title)}</span></div>
      <div>
        <h1>${movie.title} ${movie.year && html`<small>${movie.year}</small>`}</h1>
        ${movie.alternative_titles.length > 0 && html`<p class="muted">Also known as ${movie.alternative_titles.join(", ")}</p>`}
        <ul class="chips" aria-label="Genres">
          ${movie.genres.map((genre) => html`<li><a href=${href("find", { genre: genre.genre_name })}>${genre.genre_name}</a></li>`)}
        </ul>
        <${AverageStars} average=${movie.avg_rating} total=${movie.total_ratings} />
        <div class="row start mine"><span>Your rating</span><${MyStars} movie=${movie} /></div>
        <${Links} movie=${movie} />
      </div>
      <${Histogram} movieId=${movie.movie_id} moves=${moves} />
    </article>
    <${Tags} movieId=${movie.movie_id} />
    <${Similar} movieId=${movie.movie_id} />`;
}

/** @param {{movie: Movie}} props */
function Links({ movie }) {
  if (!movie.imdb_id && !movie.tmdb_id) return null;
  return html`
    <ul class="chips" aria-label="Elsewhere">
      ${movie.imdb_id && html`<li><a href=${`https://www.imdb.com/title/${movie.imdb_id}/`} rel="noreferrer external">IMDb ↗</a></li>`}
      ${movie.tmdb_id && html`<li><a href=${`https://www.themoviedb.org/movie/${movie.tmdb_id}`} rel="noreferrer external">TMDb ↗</a></li>`}
    </ul>`;
}

/** @param {{movieId: number, moves: number}} props */
function Histogram({ movieId, moves }) {
  const loaded = useLoaded((signal) => get("movies/{movie_id}/rating-histogram", { movie_id: movieId }, signal), [movieId, moves]);
  return html`
    <section class="histogram">
      <h2>Ratings</h2>
      <${Loaded} loaded=${loaded}>${(/** @type {Schemas["RatingHistogram"]} */ { histogram }) => {
        const most = Math.max(1, ...histogram.map((bar) => bar.count));
        return html`
          <table>
            <thead class="hidden"><tr><th>Stars</th><th>Ratings</th></tr></thead>
            <tbody>${[...histogram].reverse().map((bar) => html`
              <tr>
                <th scope="row">${bar.rating.toFixed(1)}</th>
                <td><meter min="0" max=${most} value=${bar.count} aria-label=${plural(bar.count, "rating")}></meter></td>
                <td>${count(bar.count)}</td>
              </tr>`)}</tbody>
          </table>`;
      }}<//>
    </section>`;
}

/** @param {{movieId: number}} props */
function Tags({ movieId }) {
  const { data } = useLoaded((signal) => get("movies/{movie_id}/tags", { movie_id: movieId, limit: 20 }, signal), [movieId]);
  if (!data?.tags.length) return null;
  return html`
    <section>
      <h2>Tags</h2>
      <ul class="chips">${data.tags.map((tag) => html`<li><a href=${href("find", { search: tag.tag_name })}>${tag.tag_name} <small>${tag.count}</small></a></li>`)}</ul>
    </section>`;
}

/** @param {{movieId: number}} props */
function Similar({ movieId }) {
  const loaded = useLoaded((signal) => get("movies/{movie_id}/similar", { movie_id: movieId, n: 12, expand: "movies" }, signal), [movieId]);
  return html`
    <section>
      <h2>Similar films</h2>
      ${isRefusal(loaded.error, NONE_YET)
        ? html`<p class="muted">Similar films appear after the first training.</p>`
        : html`<${Loaded} loaded=${loaded}>${(/** @type {Schemas["SimilarMovies"]} */ { movies }) => html`<${MovieGrid} movies=${movies} label="Similar films" />`}<//>`}
    </section>`;
}
