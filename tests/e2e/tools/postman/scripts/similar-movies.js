const answer = pm.response.json();

pm.test("five other movies, the most similar first", () => {
    pm.response.to.have.status(200);
    pm.expect([new Set(answer.movie_ids).size, answer.similarities.length]).to.eql([5, 5]);
    pm.expect(answer.movie_ids).to.not.include(Number(pm.collectionVariables.get("movieId")));
    pm.expect(answer.similarities).to.eql([...answer.similarities].sort((a, b) => b - a));
    pm.expect(answer.movies.map((movie) => movie.movie_id)).to.eql(answer.movie_ids);
});
