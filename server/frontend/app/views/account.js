import { html, useState } from "../../vendor/preact-htm.js";
import { call } from "../api.js";
import { ConfirmButton } from "../components/confirm.js";
import { ErrorMessage } from "../components/feedback.js";
import { useAction, useTitle } from "../hooks.js";
import { createUser, leave, modes, pickUser, signIn, signUp, useVisitor } from "../store.js";

export function Account() {
  useTitle("Account");
  const visitor = useVisitor();
  if (visitor.userId !== null) return html`<${Profile} visitor=${visitor} />`;
  if (!modes.auth) return html`<${PickUser} />`;
  return html`<h1>Account</h1><div class="columns"><${SignIn} />${modes.signUp && html`<${SignUp} />`}</div>`;
}

/** @param {{visitor: import("../store.js").Visitor}} props */
function Profile({ visitor }) {
  const forget = async () => {
    await call("DELETE", `user/${visitor.userId}`);
    leave();
  };
  return html`
    <h1>${visitor.username ?? `User ${visitor.userId}`}</h1>
    <p class="row start"><button type="button" class="secondary" onClick=${leave}>${modes.auth ? "Sign out" : "Switch user"}</button></p>
    ${modes.auth && html`<${ChangePassword} userId=${visitor.userId} />`}
    <section>
      <h2>Delete</h2>
      <p>Deletes this user and all of its ratings.</p>
      <${ConfirmButton} danger label="Delete the account" question="Delete this user and all of its ratings? This cannot be undone." action=${forget} />
    </section>`;
}

function PickUser() {
  const [userId, setUserId] = useState("");
  const { isBusy, error, run } = useAction();
  return html`
    <h1>Account</h1>
    <p class="muted">Authentication is off on this server: anybody may act as any user.</p>
    <div class="columns">
      <${Form} title="Be a new user" button="Create a user" action=${createUser} />
      <form onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); run(() => pickUser(Number(userId))); }}>
        <h2>Use an existing user</h2>
        <label>User id <input type="number" min="1" required value=${userId} onInput=${(/** @type {import("../types.js").On<HTMLInputElement>} */ event) => setUserId(event.currentTarget.value)} /></label>
        <${ErrorMessage} error=${error} />
        <button type="submit" aria-busy=${isBusy}>Be this user</button>
      </form>
    </div>`;
}

/**
 * A form with a user name and a password, or with nothing but its button.
 * @param {{title: string, button: string, action: (...values: string[]) => Promise<unknown>, fields?: [label: string, type: string, autocomplete: string][], hint?: string}} props
 */
function Form({ title, button, action, fields = [], hint }) {
  const { isBusy, error, run } = useAction();
  /** @param {import("../types.js").On<HTMLFormElement>} event */
  function submit(event) {
    event.preventDefault();
    const form = event.currentTarget;
    const values = new FormData(form);
    run(async () => {
      await action(...fields.map((_, i) => String(values.get(`field-${i}`))));
      form.reset();
    });
  }
  return html`
    <form onSubmit=${submit}>
      <h2>${title}</h2>
      ${fields.map(([label, type, autocomplete], i) => html`
        <label>${label} <input name=${`field-${i}`} type=${type} autocomplete=${autocomplete} required /></label>`)}
      ${hint && html`<p class="muted"><small>${hint}</small></p>`}
      <${ErrorMessage} error=${error} />
      <button type="submit" aria-busy=${isBusy}>${button}</button>
    </form>`;
}

const SignIn = () => html`<${Form} title="Sign in" button="Sign in" action=${signIn}
  fields=${[["User name or id", "text", "username"], ["Password", "password", "current-password"]]} />`;

const SignUp = () => html`<${Form} title="Sign up" button="Create the account" action=${signUp}
  fields=${[["User name", "text", "username"], ["New password", "password", "new-password"]]} hint="A password has at least 12 characters." />`;

/** @param {{userId: number}} props */
function ChangePassword({ userId }) {
  const [isDone, setDone] = useState(false);
  /** @param {string} current @param {string} next */
  async function change(current, next) {
    setDone(false);
    await call("PUT", "user/me/password", { current_password: current, new_password: next });
    // The tokens of the old password are void.
    await signIn(String(userId), next);
    setDone(true);
  }
  return html`
    <${Form} title="Change the password" button="Change the password" action=${change}
      fields=${[["Current password", "password", "current-password"], ["New password", "password", "new-password"]]} />
    ${isDone && html`<p role="status">The password is changed.</p>`}`;
}
