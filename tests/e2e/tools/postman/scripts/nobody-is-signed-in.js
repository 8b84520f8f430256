pm.test("a token is required", () => {
    pm.response.to.have.status(401);
    pm.expect(pm.response.json().type).to.equal("/errors/not-signed-in");
});
