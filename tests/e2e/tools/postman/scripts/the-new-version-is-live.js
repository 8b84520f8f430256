const readiness = pm.response.json();
const attemptsLeft = Number(pm.collectionVariables.get("attemptsLeft"));
// One that is worse than the live version is kept, but does not go live.
const isLive = readiness.model_version === Number(pm.collectionVariables.get("version"))
    || pm.collectionVariables.get("isActivated") === false;

if (!isLive && attemptsLeft > 0) {
    pm.collectionVariables.set("attemptsLeft", attemptsLeft - 1);
    setTimeout(() => pm.execution.setNextRequest("The new version is live"), 100);
} else {
    pm.test("the serving process has picked it up", () => {
        pm.response.to.have.status(200);
        pm.expect(isLive).to.be.true;
    });
}
