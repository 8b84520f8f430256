const problem = pm.response.json();

pm.test("a problem that names the fields", () => {
    pm.response.to.have.status(422);
    pm.expect(pm.response.headers.get("Content-Type")).to.equal("application/problem+json");
    pm.expect(problem.type).to.equal("/errors/invalid-input");
    pm.expect(problem.errors.map((error) => error.pointer)).to.eql(["#/body/user_id", "#/body/rating"]);
});
