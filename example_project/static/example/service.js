// Calls of the service, one after another, and what went over the wire. toto.js signs them and keeps the session.

import { codes, Toto } from "../toto_django/toto.js";
import { storage } from "./session.js";

export class Service {
  #toto;
  #last = Promise.resolve();
  /** What the call at hand sent and was answered. */
  #exchanges = [];

  /** onExchange is told of every request and its answer, onUser when somebody may have logged in or out. */
  constructor(url, { signing, onExchange, onUser }) {
    this.#toto = new Toto(url, { signing, storage, fetch: (...sent) => this.#fetch(...sent) });
    this.#toto.on("session", onUser);
    this.#toto.on("logout", onUser);
    this.onExchange = onExchange;
  }

  /** {sessionId, userId, expires}, or null. */
  get session() {
    return this.#toto.session;
  }

  /** "" when nobody is logged in. */
  get userId() {
    return this.session?.userId ?? "";
  }

  /** The result of one method. */
  call(method, parameters = {}) {
    return this.#inTurn(method, () => this.#toto.call(method, parameters));
  }

  /** The results and errors of several methods, by their ids. `label` names the exchange. */
  batch(members, label = "batch") {
    const calls = Object.entries(members).map(([id, { method, parameters }]) => [id, [method, parameters]]);
    return this.#inTurn(label, async () => {
      await this.#toto.batch(new Map(calls));
      return JSON.parse(this.#exchanges.at(-1).text).batch;
    });
  }

  /** Waits for the call before: a session that it starts or ends is this one's session. */
  #inTurn(label, send) {
    const sent = this.#last.then(() => this.#shown(label, send));
    this.#last = sent.catch(() => {});
    return sent;
  }

  async #shown(label, send) {
    this.#exchanges = [];
    try {
      const result = await send();
      this.#show(label);
      return result;
    } catch (error) {
      this.#show(label, error.code === codes.INVALID_RESPONSE_HMAC);
      throw error;
    }
  }

  #show(label, isForged = false) {
    for (const exchange of this.#exchanges) {
      const isSigned = exchange.response.headers.has("x-toto-hmac");
      this.onExchange({ label, ...exchange, seal: isForged ? "forged" : isSigned ? "signed" : "unsigned" });
    }
  }

  async #fetch(url, { headers, body, ...options }) {
    const response = await fetch(url, { headers, body, ...options });
    const text = await response.clone().text();
    this.#exchanges.push({ request: { url, headers, body }, response, text });
    return response;
  }
}
