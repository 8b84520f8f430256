const page = pm.response.json();

pm.test("the next ten, of the same total", () => {
    pm.response.to.have.status(200);
    pm.expect([page.page, page.movies.length, page.total]).to.eql([2, 10, Number(pm.collectionVariables.get("total"))]);
    pm.expect(page.movies[0].movie_id).to.be.above(Number(pm.collectionVariables.get("lastIdOfPage1")));
});
