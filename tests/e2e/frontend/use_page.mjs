// Uses a page as a person would: reads the recommendations, searches, gives stars; prints what it showed.

import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

const [file, lastUser] = process.argv.slice(2);
const { window } = new JSDOM(readFileSync(file, "utf8"), {
  url: "http://localhost:5173/",
  runScripts: "dangerously",
  beforeParse(page) {
    page.fetch = fetch;
    if (lastUser) page.localStorage.userId = lastUser;
  },
});
const { document } = window;
const message = () => document.getElementById("message").textContent;
const list = (id) => [...document.getElementById(id).children].map((item) => item.firstChild.textContent.trim());

async function until(condition) {
  for (let i = 0; !condition(); i++) {
    if (i > 300) throw new Error(`nothing came: ${document.body.textContent}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

await until(() => list("recommended").length || message());
const greeting = message();
const before = list("recommended");

document.querySelector("input").value = "matrix the";
document.querySelector("form").requestSubmit();
await until(() => list("found").length);
document.querySelector("#found button:last-child").click();
await until(() => message() !== greeting && (list("recommended").join() !== before.join()));

console.log(JSON.stringify({ greeting, before, found: list("found"), message: message(), after: list("recommended") }));
