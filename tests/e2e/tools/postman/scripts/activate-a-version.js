const version = pm.response.json();

pm.test("the version is live", () => {
    pm.response.to.have.status(200);
    pm.expect([version.version, version.is_active]).to.eql([Number(pm.collectionVariables.get("version")), true]);
});
