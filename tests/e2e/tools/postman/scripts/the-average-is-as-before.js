const average = pm.response.json();

pm.test("mean and count are as they were", () => {
    pm.response.to.have.status(200);
    pm.expect(average.total_ratings).to.equal(Number(pm.collectionVariables.get("countBefore")));
    pm.expect(average.avg_rating).to.be.closeTo(Number(pm.collectionVariables.get("averageBefore")), 1e-9);
});
