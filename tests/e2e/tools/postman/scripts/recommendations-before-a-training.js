const answer = pm.response.json();

if (pm.response.code === 409) {
    pm.test("without a model, a problem that says how to get one", () => {
        pm.expect(answer.type).to.equal("/errors/no-active-model");
        pm.expect(answer.detail).to.include("POST /recommendation-engine");
    });
} else {
    pm.test("with a model from before, recommendations for the new user", () => {
        pm.response.to.have.status(200);
        pm.expect([answer.movie_ids.length, answer.probabilities.length]).to.eql([10, 10]);
    });
}
