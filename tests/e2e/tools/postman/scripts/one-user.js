pm.test("the user has no name and no rating", () => {
    pm.response.to.have.status(200);
    pm.expect(pm.response.json()).to.include({ username: null, role: null, total_ratings: 0 });
});
