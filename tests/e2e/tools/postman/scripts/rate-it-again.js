const rating = pm.response.json();

pm.test("the value is replaced, the id stays", () => {
    pm.response.to.have.status(200);
    pm.expect([rating.rating_id, rating.rating]).to.eql([Number(pm.collectionVariables.get("ratingId")), 4.5]);
});
