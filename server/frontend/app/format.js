const COUNT = new Intl.NumberFormat("en");

const BRIEF = new Intl.NumberFormat("en", { notation: "compact" });

/** @param {number} value */
export const count = (value) => COUNT.format(value);

/** Five digits and more in short, as a card has room for: 12K. @param {number} value */
export const brief = (value) => (value < 10_000 ? count(value) : BRIEF.format(value));

/** @param {number} share */
export const percent = (share) => `${Math.round(share * 100)} %`;

/** @param {number} number @param {string} one @param {string} [many] */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** @param {number | null | undefined} value @param {number} [digits] */
export const decimal = (value, digits = 2) => (value === null || value === undefined ? "-" : value.toFixed(digits));

/** Show a time of the API, which is UTC without an offset, in the visitor's zone. @param {string | null | undefined} time */
export const moment = (time) => (time ? new Date(`${time}Z`).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" }) : "-");

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "-";
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  return plural(Math.floor(seconds / 86_400), "day");
}

/** A colour of the title's own, as a hue in degrees. @param {string} title */
export function hue(title) {
  let hash = 7;
  for (const character of title) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 3600;
  return hash / 10;
}

/** The letter a film is filed under: articles do not count. @param {string} title */
export function initial(title) {
  const words = title.replace(/^(the|an?)\s+(?=\S)/i, "");
  return (words.match(/[\p{L}\p{N}]/u)?.[0] ?? title[0] ?? "?").toUpperCase();
}
