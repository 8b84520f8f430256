const answer = pm.response.json();

pm.test("twenty movies, all different, each with a probability", () => {
    pm.response.to.have.status(200);
    pm.expect([new Set(answer.movie_ids).size, answer.probabilities.length]).to.eql([20, 20]);
});
pm.test("the most probable first", () => {
    pm.expect(answer.probabilities).to.eql([...answer.probabilities].sort((a, b) => b - a));
    answer.probabilities.forEach((probability) => pm.expect(probability).to.be.within(0, 1));
});
