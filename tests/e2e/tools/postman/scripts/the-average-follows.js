const average = pm.response.json();
const countBefore = Number(pm.collectionVariables.get("countBefore"));
const sumBefore = Number(pm.collectionVariables.get("averageBefore")) * countBefore;

pm.test("one rating more, counted at once", () => {
    pm.response.to.have.status(200);
    pm.expect(average.total_ratings).to.equal(countBefore + 1);
    pm.expect(average.avg_rating).to.be.closeTo((sumBefore + 4.5) / (countBefore + 1), 1e-9);
});
