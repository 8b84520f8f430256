pm.test("accepted, with an empty body and a run to follow", () => {
    pm.response.to.have.status(202);
    pm.expect(pm.response.text()).to.equal("");
    pm.expect(pm.response.headers.get("Location")).to.match(/^\/api\/rest\/v1\/recommendation-engine\/runs\/\d+$/);
});
pm.collectionVariables.set("runId", pm.response.headers.get("Location").split("/").pop());
pm.collectionVariables.set("attemptsLeft", 1200);
