// What the types must refuse: each of these lines is an error, and a document that allowed it would be one, too.

import createClient from "openapi-fetch";
import type { paths } from "./schema.d.ts";

const matinee = createClient<paths>();

// @ts-expect-error: a parameter is left out, not null
await matinee.GET("/api/rest/v1/movies", { params: { query: { search: null } } });
// @ts-expect-error: no such order
await matinee.GET("/api/rest/v1/movies", { params: { query: { sort: "newest" } } });
// @ts-expect-error: the id is missing
await matinee.GET("/api/rest/v1/movies/{movie_id}");
// @ts-expect-error: a misspelt field
await matinee.POST("/api/rest/v1/ratings", { body: { user_id: 1, movie_id: 1, stars: 5 } });
// @ts-expect-error: an average may be null
((await matinee.GET("/api/rest/v1/movies/{movie_id}", { params: { path: { movie_id: 1 } } })).data!.avg_rating).toFixed();
// @ts-expect-error: there is no such path
await matinee.GET("/api/rest/v1/films");
