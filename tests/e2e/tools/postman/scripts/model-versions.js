const newest = pm.response.json().models[0];

pm.test("the newest version says whether it is live, and how good it is", () => {
    pm.response.to.have.status(200);
    pm.expect([newest.version, newest.is_active]).to.eql([Number(pm.collectionVariables.get("version")), pm.collectionVariables.get("isActivated")]);
    pm.expect(newest.metrics).to.include.keys("ndcg_at_10", "ece");
    pm.expect(newest.data.ratings).to.be.at.least(1);
});
