const answer = pm.response.json();

pm.test("the movie that was rated is not among them", () => {
    pm.response.to.have.status(200);
    pm.expect(answer.movie_ids.length).to.equal(100);
    pm.expect(answer.movie_ids).to.not.include(Number(pm.collectionVariables.get("movieId")));
});
