// The visitor: their user and the ratings made on this page. Views subscribe with `useVisitor`.
import { useEffect, useState } from "../vendor/preact-htm.js";
import { call, get, isRefusal, token } from "./api.js";

/** @typedef {import("./types.js").Schemas} Schemas */

const USER = "matinee.user";
const GUEST_RATINGS = "matinee.guest-ratings";
const UNKNOWN = 404;
const BATCH = 100;

export const modes = {
  auth: document.documentElement.dataset.auth === "on",
  signUp: document.documentElement.dataset.signUp === "on",
};

/**
 * `ratings` holds what this page knows of the visitor's ratings by movie: stars, or null for a rating taken back.
 * @typedef {{userId: number | null, username: string | null, isAdmin: boolean, ratings: Map<number, number | null>, moves: number}} Visitor
 */

/** @type {Visitor} */
let visitor = { userId: null, username: null, isAdmin: !modes.auth, ratings: new Map(guestRatings()), moves: 0 };
/** @type {Set<(visitor: Visitor) => void>} */
const listeners = new Set();

/** @param {Partial<Visitor>} change */
function update(change) {
  visitor = { ...visitor, ...change };
  for (const listener of listeners) listener(visitor);
}

/** @returns {Visitor} */
export function useVisitor() {
  const [value, setValue] = useState(visitor);
  useEffect(() => {
    listeners.add(setValue);
    setValue(visitor);
    return () => void listeners.delete(setValue);
  }, []);
  return value;
}

/** @returns {[number, number][]} */
function guestRatings() {
  return JSON.parse(localStorage.getItem(GUEST_RATINGS) ?? "[]");
}

/** Restore the visitor of the last visit. */
export async function restoreVisitor() {
  try {
    if (modes.auth && token.get()) await enter(await get("user/me", {}));
    else if (!modes.auth && localStorage.getItem(USER)) await pickUser(Number(localStorage.getItem(USER)));
  } catch {
    // The token has expired, or the database was loaded again: the visitor is a guest again.
    leave();
  }
}

/** @param {{user_id: number, username?: string | null, role?: string | null}} user */
async function enter(user) {
  const guest = visitor.userId === null ? guestRatings() : [];
  localStorage.setItem(USER, String(user.user_id));
  update({ userId: user.user_id, username: user.username ?? null, isAdmin: !modes.auth || user.role === "admin", ratings: new Map(), moves: visitor.moves + 1 });
  for (const [movieId, stars] of guest) await rate(movieId, stars).catch(unlessUnknown);
  localStorage.removeItem(GUEST_RATINGS);
}

/** Pass over a movie that no longer exists; a guest's browser may remember one. @param {Error} error */
function unlessUnknown(error) {
  if (!isRefusal(error, UNKNOWN)) throw error;
}

/** @param {number} userId */
export async function pickUser(userId) {
  await enter(await get("user/{user_id}", { user_id: userId }));
}

export async function createUser() {
  await enter(/** @type {Schemas["User"]} */ (await call("POST", "user")));
}

/** @param {string} username @param {string} password */
export async function signIn(username, password) {
  const form = new URLSearchParams({ grant_type: "password", username, password });
  token.set(/** @type {{access_token: string}} */ (await call("POST", "token", form)).access_token);
  await enter(await get("user/me", {}));
}

/** @param {string} username @param {string} password */
export async function signUp(username, password) {
  await call("POST", "user", { username, password });
  await signIn(username, password);
}

export function leave() {
  token.set(null);
  localStorage.removeItem(USER);
  update({ userId: null, username: null, isAdmin: !modes.auth, ratings: new Map(guestRatings()), moves: visitor.moves + 1 });
}

/**
 * Rate a movie, or take the rating back with null. A guest's ratings stay in the browser.
 * @param {number} movieId
 * @param {number | null} stars
 */
export async function rate(movieId, stars) {
  if (visitor.userId === null) rateAsGuest(movieId, stars);
  else if (stars === null) await takeBack(movieId);
  else await call("POST", "ratings", { user_id: visitor.userId, movie_id: movieId, rating: stars });
  update({ ratings: new Map(visitor.ratings).set(movieId, stars), moves: visitor.moves + 1 });
}

/** @param {number} movieId @param {number | null} stars */
function rateAsGuest(movieId, stars) {
  const ratings = new Map(guestRatings());
  if (stars === null) ratings.delete(movieId);
  else ratings.set(movieId, stars);
  localStorage.setItem(GUEST_RATINGS, JSON.stringify([...ratings]));
}

/** Forget a guest's ratings of movies that the server does not have: it may have loaded other data since. */
export async function forgetUnknownMovies() {
  const known = new Set();
  const ids = guestRatings().map(([movieId]) => movieId);
  for (let start = 0; start < ids.length; start += BATCH) {
    const { movies } = await get("movies", { movie_id: ids.slice(start, start + BATCH), limit: BATCH });
    for (const movie of movies) known.add(movie.movie_id);
  }
  const kept = guestRatings().filter(([movieId]) => known.has(movieId));
  localStorage.setItem(GUEST_RATINGS, JSON.stringify(kept));
  update({ ratings: new Map(kept), moves: visitor.moves + 1 });
}

/** @param {number} movieId */
async function takeBack(movieId) {
  const { ratings } = await get("user/{user_id}/ratings", { user_id: Number(visitor.userId), movie_id: movieId });
  for (const { rating_id } of ratings) await call("DELETE", `ratings/${rating_id}`).catch(unlessUnknown);
}

/**
 * The visitor's stars of a movie: what was rated here, else what the API said.
 * @param {Visitor} of
 * @param {{movie_id: number, user_rating?: number | null}} movie
 * @returns {number | null}
 */
export function starsOf(of, movie) {
  return of.ratings.has(movie.movie_id) ? (of.ratings.get(movie.movie_id) ?? null) : (movie.user_rating ?? null);
}
