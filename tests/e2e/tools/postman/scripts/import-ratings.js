const report = pm.response.json();

pm.test("every row of the file is reported", () => {
    pm.response.to.have.status(200);
    pm.expect([report.source, report.rows, report.matched, report.added]).to.eql(["letterboxd", 1, 0, 0]);
    pm.expect(report.unmatched).to.eql([
        { line: 2, title: "A Film That Nobody Made", reason: "No movie has this title and year." }]);
});
