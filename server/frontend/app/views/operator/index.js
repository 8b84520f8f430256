import { html } from "../../../vendor/preact-htm.js";
import { useTitle } from "../../hooks.js";
import { modes, useVisitor } from "../../store.js";
import { Calibration } from "./calibration.js";
import { Models } from "./models.js";
import { Now } from "./now.js";
import { Runs } from "./runs.js";
import { Traffic } from "./traffic.js";

/** @type {Record<string, {label: string, View: (props: {query: Record<string, string>}) => unknown}>} */
const TABS = {
  now: { label: "Now", View: Now },
  runs: { label: "Runs", View: Runs },
  models: { label: "Models", View: Models },
  calibration: { label: "Calibration", View: Calibration },
  traffic: { label: "Traffic", View: Traffic },
};

/** @param {{route: import("../../router.js").Route}} props */
export function Operator({ route }) {
  const { isAdmin } = useVisitor();
  const current = route.path[1] ?? "now";
  const tab = TABS[current];
  useTitle(tab?.label ?? "Operator");
  if (!isAdmin) return html`<p role="alert" class="empty">${modes.auth ? "Sign in as an administrator to see this page." : ""} <a href="#/account">Account</a></p>`;
  return html`
    <h1>Operator</h1>
    <nav class="tabs" aria-label="Operator"><ul>
      ${Object.entries(TABS).map(([name, { label }]) => html`<li><a href=${`#/operator/${name}`} aria-current=${name === current ? "page" : undefined}>${label}</a></li>`)}
    </ul></nav>
    ${tab ? html`<${tab.View} query=${route.query} />` : html`<p role="alert" class="empty">This page does not exist.</p>`}`;
}
