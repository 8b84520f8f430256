// The first calls of a front-end developer, typed from the OpenAPI document: search, rate, read recommendations.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

type Movie = components["schemas"]["Movie"];
type Problem = components["schemas"]["Problem"];

const matinee = createClient<paths>({ baseUrl: process.argv[2] ?? "http://127.0.0.1:8000" });

function given<T>(answer: { data?: T; error?: Problem }): T {
  if (answer.data === undefined) throw new Error(answer.error?.detail ?? "no answer");
  return answer.data;
}

async function search(words: string): Promise<Movie> {
  const query = { search: words, sort: "relevance", limit: 1 } as const;
  const [movie] = given(await matinee.GET("/api/rest/v1/movies", { params: { query } })).movies;
  if (movie === undefined) throw new Error(`no movie for ${words}`);
  return movie;
}

async function recommend(user_id: number): Promise<Movie[]> {
  const params = { path: { user_id }, query: { n: 3, exclude_seen: true, expand: ["movies" as const] } };
  return given(await matinee.GET("/api/rest/v1/user/{user_id}/recommended-movies", { params })).movies ?? [];
}

const { user_id } = given(await matinee.POST("/api/rest/v1/user"));
const movie = await search("matrix the");
const body = { user_id, movie_id: movie.movie_id, rating: 5.0 };
const rating = given(await matinee.POST("/api/rest/v1/ratings", { body }));
const recommended = await recommend(user_id);

const refused = await matinee.POST("/api/rest/v1/ratings", { body: { ...body, rating: 5.3 } });
const missing = await matinee.GET("/api/rest/v1/movies/{movie_id}", { params: { path: { movie_id: 2 ** 50 } } });
const unknown: Problem["type"] | undefined = missing.error?.type;
const fields = refused.error !== undefined && "errors" in refused.error ? refused.error.errors : [];

const first = await matinee.GET("/api/rest/v1/genres");
const headers = { "If-None-Match": first.response.headers.get("ETag") ?? "" };
const again = await matinee.GET("/api/rest/v1/genres", { params: { header: headers } });

console.log(
  JSON.stringify({
    found: [movie.title, movie.year, movie.genres.map((genre) => genre.genre_name)],
    rated: rating.rating,
    recommended: recommended.length,
    isRatedAmongThem: recommended.some((other) => other.movie_id === movie.movie_id),
    refused: fields.map((field) => field.pointer),
    unknown,
    again: again.response.status,
  }),
);
