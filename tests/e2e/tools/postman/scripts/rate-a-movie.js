const rating = pm.response.json();

pm.test("the rating is created", () => {
    pm.response.to.have.status(201);
    pm.expect([rating.user_id, rating.movie_id, rating.rating]).to.eql([
        Number(pm.collectionVariables.get("userId")), Number(pm.collectionVariables.get("movieId")), 2.0]);
    pm.expect(rating.timestamp).to.match(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/);
    pm.expect(pm.response.headers.get("Location")).to.equal(`/api/rest/v1/ratings/${rating.rating_id}`);
});
pm.collectionVariables.set("ratingId", rating.rating_id);
