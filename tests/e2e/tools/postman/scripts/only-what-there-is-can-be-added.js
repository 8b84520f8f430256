const problem = pm.response.json();

pm.test("a problem that names the value", () => {
    pm.response.to.have.status(422);
    pm.expect(problem.type).to.equal("/errors/invalid-input");
    pm.expect(problem.errors.map((error) => error.pointer)).to.eql(["#/query/expand/0"]);
});
