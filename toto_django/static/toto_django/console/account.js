import { byId, tell } from "./dom.js";
import { FORMATS } from "./formats.js";
import { hidden, secretsOf } from "./secrets.js";

/** Logging in and out, and who is logged in. Passwords are kept nowhere. */
export class Account {
  #wire;
  #sessions;
  #format;

  constructor(wire, sessions, formats) {
    this.#wire = wire;
    this.#sessions = sessions;
    this.#format = FORMATS[formats[0]];
    byId("login").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#logIn(byId("login").elements);
    });
    byId("logout").addEventListener("click", () => this.#logOut());
  }

  async #logIn({ user_id, password }) {
    const parameters = { user_id: user_id.value, password: password.value };
    tell(byId("account-message"), "Logging in …");
    const problem = await this.#call("account.login", parameters);
    tell(byId("account-message"), problem, true);
    if (problem) return;
    password.value = "";
    byId("logout").focus();
  }

  /** The session is forgotten, whatever the service says; it knows no logout of anonymous ones. */
  async #logOut() {
    const problem = this.#sessions.get()?.user_id ? await this.#call("account.logout", {}) : "";
    this.#sessions.set(null);
    tell(byId("account-message"), problem, true);
    byId("login").elements.user_id.focus();
  }

  /** What went wrong, "" for nothing. */
  async #call(method, parameters) {
    const { outcomes, problem, signature } = await this.#wire.send({ method, parameters }, this.#format);
    const error = outcomes[0]?.error;
    if (signature?.isRight === false) return "The answer's signature is wrong.";
    return error ? `${error.code} ${error.value}` : (problem ?? "");
  }

  show(isRevealed) {
    const session = this.#sessions.get();
    byId("login").hidden = Boolean(session);
    byId("session").hidden = !session;
    if (!session) return;
    byId("user-id").textContent = session.user_id || "anonymous";
    byId("session-id").textContent = isRevealed
      ? session.session_id
      : hidden(session.session_id, secretsOf(session));
  }
}
