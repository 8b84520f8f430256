const problem = pm.response.json();

pm.test("a problem that says what to do next", () => {
    pm.response.to.have.status(404);
    pm.expect(pm.response.headers.get("Content-Type")).to.equal("application/problem+json");
    pm.expect(problem).to.eql({
        type: "/errors/movie-not-found",
        title: "Movie not found",
        status: 404,
        detail: "Movie 9007199254740991 does not exist. Search for it with GET /movies.",
        instance: "/api/rest/v1/movies/9007199254740991",
    });
});
