const page = pm.response.json();

pm.test("the one rating there is", () => {
    pm.response.to.have.status(200);
    pm.expect(page.ratings.map((rating) => rating.rating_id)).to.eql([Number(pm.collectionVariables.get("ratingId"))]);
    pm.expect(pm.response.headers.get("Cache-Control")).to.equal("no-store");
});
