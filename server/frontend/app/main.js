import { html, render, useEffect, useState } from "../vendor/preact-htm.js";
import { useRoute } from "./router.js";
import { restoreVisitor, useVisitor } from "./store.js";
import { Account } from "./views/account.js";
import { Find } from "./views/find.js";
import { ForMe } from "./views/for-me.js";
import { MovieView } from "./views/movie.js";
import { MyRatings } from "./views/my-ratings.js";

/** @type {[path: string, label: string][]} */
const VISITOR_LINKS = [["find", "Find"], ["for-me", "For me"], ["ratings", "My ratings"]];

/** @param {{current: string}} props */
function Header({ current }) {
  const { userId, username, isAdmin } = useVisitor();
  const who = username ?? (userId === null ? "Guest" : `User ${userId}`);
  const links = [...VISITOR_LINKS, ...(isAdmin ? /** @type {[string, string][]} */ ([["operator", "Operator"]]) : [])];
  return html`
    <header>
      <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
      <nav aria-label="Main">
        <a class="brand" href="#/find">Matinee</a>
        <ul>
          ${links.map(([path, label]) => html`<li><a href=${`#/${path}`} aria-current=${path === current ? "page" : undefined}>${label}</a></li>`)}
        </ul>
        <a class="who" href="#/account" aria-current=${current === "account" ? "page" : undefined}>${who}</a>
      </nav>
    </header>`;
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** The operator's views, and the chart library with them, are loaded when they are opened. @param {{route: import("./router.js").Route}} props */
function OperatorView({ route }) {
  const [view, setView] = useState(/** @type {typeof import("./views/operator/index.js") | null} */ (null));
  useEffect(() => void import("./views/operator/index.js").then(setView), []);
  return view ? html`<${view.Operator} route=${route} />` : html`<p aria-busy="true">Loading</p>`;
}

/** @param {import("./router.js").Route} route */
function viewOf(route) {
  const [view, argument] = route.path;
  switch (view) {
    case undefined:
    case "find": return html`<${Find} query=${route.query} />`;
    case "movie": return html`<${MovieView} movieId=${Number(argument)} />`;
    case "for-me": return html`<${ForMe} query=${route.query} />`;
    case "ratings": return html`<${MyRatings} query=${route.query} />`;
    case "account": return html`<${Account} />`;
    case "operator": return html`<${OperatorView} route=${route} />`;
    default: return html`<p role="alert" class="empty">This page does not exist. <a href="#/find">Find a film.</a></p>`;
  }
}

function App() {
  const route = useRoute();
  const [view = "find", argument] = route.path;
  useEffect(() => scrollTo(0, 0), [view, argument, route.query.page]);
  return html`
    <${Header} current=${view} />
    <main id="main" tabindex="-1">${viewOf(route)}</main>
    <footer><small><a href="docs">API documentation</a> · <a href="errors">Errors</a></small></footer>`;
}

await restoreVisitor();
render(html`<${App} />`, document.body);
