pm.test("a conflict that names the status of the run", () => {
    pm.response.to.have.status(409);
    pm.expect(pm.response.json().detail).to.include("has already ended: its status is succeeded");
});
