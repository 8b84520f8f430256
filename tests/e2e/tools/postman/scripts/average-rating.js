const average = pm.response.json();

pm.test("mean and number of ratings", () => {
    pm.response.to.have.status(200);
    pm.expect(average.avg_rating).to.be.within(0.5, 5);
    pm.expect(average.total_ratings).to.be.at.least(1);
});
pm.collectionVariables.set("averageBefore", average.avg_rating);
pm.collectionVariables.set("countBefore", average.total_ratings);
