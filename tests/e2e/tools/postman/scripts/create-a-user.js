const user = pm.response.json();

pm.test("a new user, and where the ratings will be", () => {
    pm.response.to.have.status(201);
    pm.expect(pm.response.headers.get("Location")).to.equal(`/api/rest/v1/user/${user.user_id}/ratings`);
});
pm.collectionVariables.set("userId", user.user_id);
