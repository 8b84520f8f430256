import { html } from "../../vendor/preact-htm.js";
import { count } from "../format.js";
import { href } from "../router.js";

/** @typedef {{key: string, label: string, total: number | null}} Choice */

/**
 * Choices of which one may be on; the chosen one turns itself off, another one switches.
 * @param {{legend: string, choices: Choice[], chosen: string | undefined, linkTo: (key: string | null) => string}} props
 */
export function Facet({ legend, choices, chosen, linkTo }) {
  if (!choices.length) return null;
  return html`
    <nav class="facet" aria-label=${legend}>
      <h2>${legend}</h2>
      <ul>
        ${choices.map(({ key, label, total }) => html`
          <li key=${key}>
            <a href=${linkTo(key === chosen ? null : key)} aria-current=${key === chosen ? "true" : undefined}>
              ${label}${total !== null && html` <small>${count(total)}</small>`}
            </a>
          </li>`)}
      </ul>
    </nav>`;
}

/** @param {{decade: number, total_movies: number}[]} decades newest first */
export const decadeChoices = (decades) =>
  [...decades].reverse().map(({ decade, total_movies }) => ({ key: String(decade), label: `${decade}s`, total: total_movies }));

/** @param {{genre_name: string, total_movies: number}[]} genres */
export const genreChoices = (genres) =>
  genres.filter((genre) => !genre.genre_name.startsWith("(")).map(({ genre_name, total_movies }) => ({ key: genre_name, label: genre_name, total: total_movies }));

/** The API's filters of a route's query. @param {Record<string, string>} query */
export function filtersOf({ genre, decade }) {
  const first = decade ? Number(decade) : undefined;
  return { genre, year_from: first, year_to: first === undefined ? undefined : first + 9 };
}

/**
 * A menu that changes one value of the route.
 * @param {{label: string, name: string, path: string, query: Record<string, string>, options: [string, string][]}} props
 */
export function RouteSelect({ label, name, path, query, options }) {
  /** @param {import("../types.js").On<HTMLSelectElement>} event */
  const follow = (event) => void (location.hash = href(path, { ...query, page: null, [name]: event.currentTarget.value }));
  return html`
    <label class="inline">${label}
      <select value=${query[name] ?? ""} onChange=${follow}>
        ${options.map(([value, text]) => html`<option value=${value}>${text}</option>`)}
      </select>
    </label>`;
}
