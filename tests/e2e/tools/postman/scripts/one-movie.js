const movie = pm.response.json();

pm.test("the movie that was found", () => {
    pm.response.to.have.status(200);
    pm.expect([movie.movie_id, movie.title]).to.eql([Number(pm.collectionVariables.get("movieId")), "The Matrix"]);
    pm.expect(movie.genres.map((genre) => genre.genre_name)).to.include.members(["Action", "Sci-Fi"]);
});
