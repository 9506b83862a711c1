// Calls of the service: one after another, signed, their answers verified. The session is kept in localStorage.

import { sign } from "./signing.js";

const STORED = "toto_django.example.session";
const NOT_AUTHORIZED = 1004;

/** An error that the service answered with. */
export class ServiceError extends Error {
  constructor({ code, value }) {
    super(typeof value === "string" ? value : JSON.stringify(value));
    this.code = code;
  }
}

export class Service {
  #last = Promise.resolve();

  /** onExchange is told of every request and its answer, onUser when somebody has logged in or out. */
  constructor(url, { onExchange, onUser }) {
    this.url = url;
    this.onExchange = onExchange;
    this.onUser = onUser;
  }

  /** {session_id, user_id, expires}, or null. Read anew each time: other tabs log in and out too. */
  get session() {
    return JSON.parse(localStorage.getItem(STORED));
  }

  set session(session) {
    const before = this.userId;
    if (session) localStorage.setItem(STORED, JSON.stringify(session));
    else localStorage.removeItem(STORED);
    if (this.userId !== before) this.onUser();
  }

  /** "" when nobody is logged in. */
  get userId() {
    return this.session?.user_id ?? "";
  }

  /** The result of one method. Throws a ServiceError. */
  async call(method, parameters = {}) {
    const answer = await this.#send(method, { method, parameters });
    if (method === "account.logout") this.session = null;
    return answer.result;
  }

  /** The results and errors of several methods, by their ids. `label` names the exchange. */
  async batch(members, label = "batch") {
    return (await this.#send(label, { batch: members })).batch;
  }

  /** Waits for the call before: a session that it starts or ends is this one's session. */
  async #send(label, content) {
    const sent = this.#last.then(() => this.#exchange(label, JSON.stringify(content)));
    this.#last = sent.catch(() => {});
    const answer = await sent;
    if (answer.error) throw new ServiceError(answer.error);
    return answer;
  }

  async #exchange(label, body) {
    const session = this.session;
    const request = { url: this.url, headers: await headers(session, body), body };
    const response = await post(request);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    const answer = read(response, text);
    const seal = await verified(response, answer, bytes);
    this.onExchange({ label, request, response, text, seal });
    if (seal === "forged") throw new Error("The answer's signature is wrong.");
    this.#keepSession(session, answer);
    return answer;
  }

  /** "Not authorized" without the session that was sent along says that it has ended. */
  #keepSession(sent, answer) {
    const codes = [answer, ...Object.values(answer.batch ?? {})].map((member) => member.error?.code);
    if (answer.session) this.session = answer.session;
    else if (sent && codes.includes(NOT_AUTHORIZED)) this.session = null;
  }
}

async function headers(session, body) {
  const given = { "content-type": "application/json" };
  if (session) given["x-toto-session-id"] = session.session_id;
  if (session?.user_id) given["x-toto-hmac"] = await sign(session.user_id, new TextEncoder().encode(body));
  return given;
}

async function post({ url, headers, body }) {
  try {
    return await fetch(url, { method: "POST", headers, body });
  } catch {
    throw new Error("The service cannot be reached.");
  }
}

/** What a JSON answer says; {} for an empty one and for other types. */
function read(response, text) {
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  if (!isJson && !response.ok) throw new Error(`The service answered with status ${response.status}.`);
  return isJson && text ? JSON.parse(text) : {};
}

/** "signed", "unsigned" or "forged". Every answer that holds a session is signed with its user id. */
async function verified(response, answer, bytes) {
  if (!answer.session) return "unsigned";
  const expected = await sign(answer.session.user_id, bytes);
  return response.headers.get("x-toto-hmac") === expected ? "signed" : "forged";
}
