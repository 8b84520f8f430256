pm.test("The list is as long as asked, with falling probabilities", () => {
    const answer = pm.response.json();
    pm.response.to.have.status(200);
    pm.expect(answer.movie_ids).to.have.lengthOf(answer.probabilities.length);
    for (let place = 1; place < answer.probabilities.length; place++) {
        pm.expect(answer.probabilities[place]).to.be.below(answer.probabilities[place - 1]);
    }
});
