import { html, useEffect, useRef, useState } from "../../vendor/preact-htm.js";
import { brief } from "../format.js";
import { useAction } from "../hooks.js";
import { rate, starsOf, useVisitor } from "../store.js";

const SETTLE_MS = 350;

/** @param {number} stars */
const spoken = (stars) => (stars ? `${stars} ${stars === 1 ? "star" : "stars"}` : "not rated");

/**
 * The visitor's own stars: a slider in half stars, so that mouse, touch, keyboard and screen reader all work.
 * @param {{movie: {movie_id: number, title: string, user_rating?: number | null}}} props
 */
export function MyStars({ movie }) {
  const visitor = useVisitor();
  const saved = starsOf(visitor, movie);
  const [stars, setStars] = useState(saved ?? 0);
  const [isSettling, setSettling] = useState(false);
  const { isBusy, error, run } = useAction();
  const timer = useRef(/** @type {number | undefined} */ (undefined));
  useEffect(() => setStars(saved ?? 0), [saved, movie.movie_id]);

  /** @param {number} value */
  function choose(value) {
    setStars(value);
    // Arrow keys pass through values that are not meant.
    clearTimeout(timer.current);
    setSettling(true);
    timer.current = setTimeout(() => {
      setSettling(false);
      run(() => rate(movie.movie_id, value || null));
    }, SETTLE_MS);
  }

  return html`
    <div class="my-stars" aria-busy=${isBusy || isSettling ? "true" : undefined}>
      <input type="range" min="0" max="5" step="0.5" value=${stars} style=${{ "--share": stars / 5 }}
        aria-label=${`Your rating of ${movie.title}`} aria-valuetext=${spoken(stars)}
        onInput=${(/** @type {import("../types.js").On<HTMLInputElement>} */ event) => choose(Number(event.currentTarget.value))} />
      <button type="button" class="quiet" hidden=${!stars} aria-label=${`Take back your rating of ${movie.title}`}
        onClick=${() => choose(0)}>×</button>
      ${error && html`<small role="alert" class="error">${error.message}</small>`}
    </div>`;
}

/** The average of all ratings. @param {{average: number | null, total: number}} props */
export function AverageStars({ average, total }) {
  if (average === null) return html`<small class="average">No ratings yet</small>`;
  return html`
    <small class="average">
      <span class="stars" role="img" aria-label=${`${average.toFixed(1)} of 5 stars`} style=${{ "--share": average / 5 }}></span>
      <span><b>${average.toFixed(1)}</b> (${brief(total)})</span>
    </small>`;
}
