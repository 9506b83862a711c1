import { Emitter } from "./emitter.js";
import { isObject, NetworkError, saysLoggedOut, serviceTime, TotoError } from "./errors.js";
import { longPoll } from "./longpoll.js";
import { endsInLogout, isLogin, isSameSession, outcomesOf, SessionStore } from "./session.js";
import { schemeOf, verifiedKey } from "./signing.js";
import { socketURL, TotoSocket } from "./socket.js";
import { decoded, post } from "./transport.js";

/** Milliseconds. Who can forge a service's errors makes a client sign for no later time than that. */
const LARGEST_OFFSET = 24 * 60 * 60 * 1000;

/** A service: its calls, and the session in which they are made. The options are described in index.d.ts. */
export class Toto {
  #scheme;
  #verify;
  #store;
  #fetch;
  #headers;
  #emitter = new Emitter();
  /** Milliseconds that the service's clock is ahead. */
  #clockOffset = 0;

  constructor(
    url,
    {
      signing = "user_id",
      verify = true,
      storage = null,
      storageKey,
      fetch = (...request) => globalThis.fetch(...request),
      headers = {},
      timeout = 30_000,
    } = {},
  ) {
    const absolute = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
    absolute.hash = "";
    this.url = absolute.href;
    this.timeout = timeout;
    this.#scheme = schemeOf(signing);
    this.#verify = verify;
    const isUsable = (session) => this.#scheme?.isUsable?.(session) ?? true;
    this.#store = new SessionStore(storage, storageKey ?? `toto:${this.url}`, isUsable);
    this.#fetch = fetch;
    this.#headers = headers;
  }

  /** {sessionId, expires, userId, key?}, null without one. Set it to go on with a session from elsewhere. */
  get session() {
    return this.#store.get();
  }

  set session(given) {
    const before = this.session;
    const session = given ?? null;
    if (JSON.stringify(before) === JSON.stringify(session)) return;
    this.#store.set(session);
    if (session) this.#emitter.emit("session", this.session);
    else this.#emitter.emit("logout", before);
  }

  on(event, listener) {
    return this.#emitter.on(event, listener);
  }

  // Accounts

  /** Make an account and log in. */
  create(userId, password, properties = {}, options = {}) {
    return this.#logIn("account.create", { ...properties, user_id: userId, password }, options);
  }

  login(userId, password, options = {}) {
    return this.#logIn("account.login", { user_id: userId, password }, options);
  }

  async #logIn(method, parameters, options) {
    await this.call(method, parameters, options);
    return this.session;
  }

  /** End the session. It is kept when the service cannot be reached. */
  async logout(options = {}) {
    const session = this.session;
    if (!session) return;
    try {
      await this.call("account.logout", {}, options);
    } catch (error) {
      if (!saysLoggedOut(error)) throw error;
    }
    if (isSameSession(this.session, session)) this.session = null;
  }

  /** Change properties and, with `new_password`, the password. Returns the names of what has changed. */
  async update(password, changes, options = {}) {
    const result = await this.call("account.update", { ...changes, password }, options);
    return result.updated_fields;
  }

  // Calls

  /** The result of a method, null when it has none. */
  async call(method, parameters, options = {}) {
    const answer = await this.#exchange({ method, parameters: parameters ?? {} }, options);
    return answer.result ?? null;
  }

  /** The results of several methods, {id: [method, parameters]} or a Map, with the errors among them. */
  async batch(members, options = {}) {
    const entries = members instanceof Map ? [...members] : Object.entries(members);
    const calls = entries.map(([id, [method, parameters]]) => [id, { method, parameters: parameters ?? {} }]);
    const answer = await this.#exchange({ batch: Object.fromEntries(calls) }, options);
    if (!isObject(answer.batch)) throw new NetworkError("This is no answer to a batch.");
    const results = entries.map(([id]) => [id, memberResult(answer.batch, id)]);
    return members instanceof Map ? new Map(results) : Object.fromEntries(results);
  }

  /** Make a call again and again, for messages that the service answers when there are some. */
  messages(method, parameters, options = {}) {
    return longPoll((given, limits) => this.call(method, given, limits), parameters, options);
  }

  /** See messages. Ends when the signal is aborted. */
  async poll(method, parameters, { onMessage, ...options }) {
    for await (const message of this.messages(method, parameters, options)) await onMessage(message);
  }

  /** A web socket of the session. It connects anew when somebody else logs in, or out. */
  socket(options = {}) {
    const address = () => this.#socketAddress();
    const socket = new TotoSocket(address, { timeout: this.timeout, ...options });
    let userId = this.session?.userId ?? "";
    const follow = () => {
      const before = userId;
      userId = this.session?.userId ?? "";
      if (userId !== before) socket.reconnect();
    };
    const unfollow = [this.on("session", follow), this.on("logout", follow)];
    socket.onError((error) => this.#takeTime(error));
    socket.onState((state) => {
      if (state === "closed") for (const remove of unfollow) remove();
    });
    return socket;
  }

  /** The session's id opens a socket; under v2 a signature beside it. */
  #socketAddress() {
    const session = this.session;
    const url = socketURL(this.url, session);
    if (!session || !this.#scheme?.signsSockets) return url;
    const hmac = this.#signature(session, "GET", new URL(url), "");
    return `${url}${url.includes("?") ? "&" : "?"}hmac=${encodeURIComponent(hmac)}`;
  }

  // Requests

  async #exchange(content, options) {
    try {
      return await this.#attempt(content, options);
    } catch (error) {
      // Refused for its time alone: nothing has run.
      if (content.batch || !this.#takeTime(error)) throw error;
      return this.#attempt(content, options);
    }
  }

  async #attempt(content, { signal, timeout = this.timeout }) {
    const sent = this.session;
    const body = JSON.stringify(content);
    const headers = this.#signedHeaders(sent, body);
    const response = await post(this.#fetch, this.url, { body, headers, timeout, signal });
    const answer = decoded(response);
    const outcomes = outcomesOf(content, answer);
    const hmac = headers.get("x-toto-hmac");
    const given = answer.session ? this.#verified(answer.session, outcomes, sent, hmac, response) : null;
    this.#follow(sent, given, outcomes);
    for (const { error } of outcomes) if (content.batch && error) this.#takeTime(TotoError.from(error));
    if (answer.error !== undefined) throw TotoError.from(answer.error);
    return answer;
  }

  #signedHeaders(session, body) {
    const headers = new Headers(this.#headers);
    headers.set("content-type", "application/json");
    if (session) headers.set("x-toto-session-id", session.sessionId);
    if (session && this.#scheme) {
      headers.set("x-toto-hmac", this.#signature(session, "POST", new URL(this.url), body));
    } else if (this.#scheme?.offer) headers.set("x-toto-hmac", this.#scheme.offer);
    return headers;
  }

  #signature(session, method, { pathname, search }, body) {
    const request = { method, uri: pathname + search, body };
    const { sessionId } = session;
    const clockOffset = this.#clockOffset;
    const key = this.#scheme.requestKey(session);
    return this.#scheme.signRequest(key, { ...request, sessionId, clockOffset }).hmac;
  }

  /** Whether a request was refused for its time alone, and the service has told what time it is. */
  #takeTime(error) {
    const offset = serviceTime(error) - Date.now();
    if (!(Math.abs(offset) <= LARGEST_OFFSET)) return false;
    this.#clockOffset = offset;
    return true;
  }

  /** The session of an answer whose signature is right. */
  #verified(given, outcomes, sent, sentHmac, response) {
    const session = { sessionId: given.session_id, expires: given.expires, userId: given.user_id ?? "" };
    if (!this.#scheme) return session;
    const results = outcomes.map(({ result }) => result);
    const keys = this.#scheme.answerKeys(given, results, sent);
    const signed = { sessionId: given.session_id, bytes: response.bytes, sent: sentHmac };
    const key = this.#verify ? verifiedKey(this.#scheme, keys, response.hmac, signed) : keys[0];
    return this.#scheme.hasOwnKeys ? { ...session, key } : session;
  }

  /** Go on with the session of an answer, unless that which was sent has been replaced meanwhile. */
  #follow(sent, given, outcomes) {
    const isCurrent = isSameSession(this.session, sent);
    const isRefused = !given && outcomes.some(({ error }) => saysLoggedOut(error));
    if (isRefused || endsInLogout(outcomes, given)) {
      if (isCurrent) this.session = null;
    } else if (given && (isCurrent || outcomes.some(({ result }) => isLogin(result, given)))) {
      this.session = given;
    }
  }
}

function memberResult(answers, id) {
  if (!Object.hasOwn(answers, id)) return new NetworkError("The answer lacks this call.");
  const { result = null, error } = answers[id];
  return error === undefined ? result : TotoError.from(error);
}
