import { html, useRef } from "../../vendor/preact-htm.js";
import { useAction } from "../hooks.js";
import { ErrorMessage } from "./feedback.js";

/**
 * A button that asks before it acts.
 * @param {{label: string, question: string, action: () => Promise<unknown>, danger?: boolean, children?: unknown}} props
 */
export function ConfirmButton({ label, question, action, danger = false, children = label }) {
  const dialog = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const { isBusy, error, run } = useAction();
  const act = () => run(async () => {
    await action();
    dialog.current?.close();
  });
  return html`
    <button type="button" class=${danger ? "danger" : "secondary"} onClick=${() => dialog.current?.showModal()}>${children}</button>
    <dialog ref=${dialog} aria-label=${label}>
      <article>
        <p>${question}</p>
        <${ErrorMessage} error=${error} />
        <footer>
          <button type="button" class="secondary" onClick=${() => dialog.current?.close()}>Cancel</button>
          <button type="button" class=${danger ? "danger" : ""} aria-busy=${isBusy} onClick=${act}>${label}</button>
        </footer>
      </article>
    </dialog>`;
}
