// Uses the page as a person would (read recommendations, search, rate) and prints the texts it showed.

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
  const deadline = Date.now() + 600_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`the page did not change: ${document.body.textContent}`);
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
