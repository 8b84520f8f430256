pm.test("gone, without a body", () => {
    pm.response.to.have.status(204);
    pm.expect(pm.response.text()).to.equal("");
});
