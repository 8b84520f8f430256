const page = pm.response.json();

pm.test("the article may stand anywhere", () => {
    pm.response.to.have.status(200);
    pm.expect([page.movies[0].title, page.movies[0].year]).to.eql(["The Matrix", 1999]);
});
pm.collectionVariables.set("movieId", page.movies[0].movie_id);
