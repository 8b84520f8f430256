const answer = pm.response.json();

pm.test("the movies in the order of their ids", () => {
    pm.response.to.have.status(200);
    pm.expect(answer.movies.map((movie) => movie.movie_id)).to.eql(answer.movie_ids);
    pm.expect(answer.movies[0].title).to.be.a("string").that.is.not.empty;
});
pm.test("each explanation adds up to the score", () => {
    pm.expect(answer.explanations.map((explanation) => explanation.movie_id)).to.eql(answer.movie_ids);
    answer.explanations.forEach((explanation) => {
        pm.expect(explanation).to.have.all.keys("movie_id", "score", "because", "other_ratings", "rest");
        const sum = explanation.because.reduce((total, reason) => total + reason.contribution, 0);
        pm.expect(sum + explanation.other_ratings + explanation.rest).to.be.closeTo(explanation.score, 1e-9);
    });
});
pm.test("only what the user has rated speaks for a movie", () => {
    answer.explanations.flatMap((explanation) => explanation.because).forEach((reason) => {
        pm.expect(reason).to.have.all.keys("movie_id", "title", "rating", "contribution");
        pm.expect([reason.movie_id, reason.rating]).to.eql([Number(pm.collectionVariables.get("movieId")), 4.5]);
    });
});
