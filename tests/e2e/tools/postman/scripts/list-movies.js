const page = pm.response.json();

pm.test("a page of ten movies, by id", () => {
    pm.response.to.have.status(200);
    pm.expect([page.page, page.limit, page.movies.length]).to.eql([1, 10, 10]);
    pm.expect(page.total).to.be.at.least(20);
});
pm.test("links lead to the next page and the last", () => {
    pm.expect(pm.response.headers.get("Link")).to.include("movies?page=2>; rel=\"next\"").and.include("rel=\"last\"");
});
pm.collectionVariables.set("lastIdOfPage1", page.movies[9].movie_id);
pm.collectionVariables.set("total", page.total);
