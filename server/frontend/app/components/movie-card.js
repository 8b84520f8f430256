import { html } from "../../vendor/preact-htm.js";
import { hue, initial, percent } from "../format.js";
import { AverageStars, MyStars } from "./stars.js";

/** @typedef {import("../types.js").Movie} Movie */
/** @typedef {import("../types.js").Reason} Reason */

/** Mark the ranges, counted in code points, that a search has found. @param {string} text @param {{start: number, end: number}[]} ranges */
export function marked(text, ranges = []) {
  const characters = Array.from(text);
  const parts = [];
  let done = 0;
  for (const { start, end } of ranges) {
    parts.push(characters.slice(done, start).join(""), html`<mark>${characters.slice(start, end).join("")}</mark>`);
    done = end;
  }
  return [...parts, characters.slice(done).join("")];
}

/** The share of people who like it, as a bar. @param {{value: number}} props */
export function Probability({ value }) {
  return html`
    <div class="probability" title="Probability that you rate it 4 stars or more">
      <meter min="0" max="1" value=${value} aria-label=${`${percent(value)} probability that you like it`}></meter>
      <b>${percent(value)}</b>
    </div>`;
}

const LIKED = 4;
const LONG = 40;

/** The rated films that speak for this one; a low rating can, too, but would read like a mistake. @param {{reasons: Reason[]}} props */
function Because({ reasons }) {
  const liked = reasons.filter((reason) => reason.rating >= LIKED);
  if (!liked.length) return null;
  return html`<small class="because">Because you liked ${liked.slice(0, 2).map(
    (reason, i) => html`${i > 0 && " and "}<a href=${`#/movie/${reason.movie_id}`}>${reason.title}</a>`)}</small>`;
}

/** @param {{movie: Movie, probability?: number | undefined, because?: Reason[] | undefined}} props */
export function MovieCard({ movie, probability, because }) {
  const genres = movie.genres.map((genre) => genre.genre_name).join(", ");
  return html`
    <article class="card" style=${{ "--hue": hue(movie.title) }}>
      <a class="poster" href=${`#/movie/${movie.movie_id}`} tabindex="-1" aria-hidden="true"><span>${initial(movie.title)}</span></a>
      <h3><a href=${`#/movie/${movie.movie_id}`} title=${movie.title.length > LONG ? movie.title : undefined}>${marked(movie.title, movie.highlights?.title)}</a></h3>
      <p class="facts">${[movie.year, genres].filter(Boolean).join(" · ")}</p>
      ${probability === undefined
        ? html`<${AverageStars} average=${movie.avg_rating} total=${movie.total_ratings} />`
        : html`<${Probability} value=${probability} />`}
      ${because && html`<${Because} reasons=${because} />`}
      <${MyStars} movie=${movie} />
    </article>`;
}

/** @param {{movies: Movie[], label: string}} props */
export function MovieGrid({ movies, label }) {
  return html`
    <ul class="grid" aria-label=${label}>
      ${movies.map((movie) => html`<li key=${movie.movie_id}><${MovieCard} movie=${movie} /></li>`)}
    </ul>`;
}
