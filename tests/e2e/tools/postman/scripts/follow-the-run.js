const run = pm.response.json();
const attemptsLeft = Number(pm.collectionVariables.get("attemptsLeft"));

pm.test("the run is under way or at its end", () => {
    pm.response.to.have.status(200);
    pm.expect(run.progress).to.be.within(0, 1);
});
if (["queued", "running"].includes(run.status) && attemptsLeft > 0) {
    pm.collectionVariables.set("attemptsLeft", attemptsLeft - 1);
    setTimeout(() => pm.execution.setNextRequest("Follow the run"), 500);
} else {
    pm.test("it has succeeded and made a version", () => {
        pm.expect([run.status, run.error, run.progress]).to.eql(["succeeded", null, 1]);
        pm.expect(run.version).to.be.at.least(1);
    });
    pm.collectionVariables.set("version", run.version);
    pm.collectionVariables.set("isActivated", run.is_activated);
    pm.collectionVariables.set("attemptsLeft", 100);
}
