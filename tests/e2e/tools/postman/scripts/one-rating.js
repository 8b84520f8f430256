const rating = pm.response.json();

pm.test("the rating as it was changed", () => {
    pm.response.to.have.status(200);
    pm.expect([rating.rating_id, rating.rating]).to.eql([Number(pm.collectionVariables.get("ratingId")), 4.5]);
});
