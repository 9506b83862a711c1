import { backoffDelay } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { isObject, NetworkError, TotoError } from "./errors.js";
import { limited } from "./transport.js";

/** Milliseconds after which a connection counts as a good one: the next is tried soon after its end. */
const STABLE_AFTER = 5000;

/** `<service>/websocket/<session id>`, with ws for http and wss for https. */
export function socketURL(service, session) {
  const url = new URL(service);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.pathname = url.pathname.replace(/\/*$/, "/websocket");
  if (session) url.pathname += `/${encodeURIComponent(session.sessionId)}`;
  return url.href;
}

/** A web socket that connects again when its connection is lost. Calls wait for the connection. */
export class TotoSocket {
  #address;
  #protocols;
  #WebSocket;
  #backoff;
  #maxQueue;
  #timeout;
  #emitter = new Emitter();
  #state = "connecting";
  #connection;
  #openedAt;
  #failures = 0;
  #timer;
  #lastId = 0;
  /** Frames that wait for the connection, by their numbers. */
  #queue = new Map();
  /** Calls without an answer, {resolve, reject} by their ids. */
  #pending = new Map();

  /** @param {() => string} address is asked at each connection: sessions come and go */
  constructor(
    address,
    { protocols = [], WebSocket = globalThis.WebSocket, backoff, maxQueue = 100, timeout = 30_000 } = {},
  ) {
    if (!WebSocket) throw new TypeError("There is no WebSocket here: pass one.");
    this.#address = address;
    this.#protocols = protocols;
    this.#WebSocket = WebSocket;
    this.#backoff = backoff;
    this.#maxQueue = maxQueue;
    this.#timeout = timeout;
    this.#connect();
  }

  /** "connecting", "open", "waiting" (to connect again) or "closed" (by `close`). */
  get state() {
    return this.#state;
  }

  /** listener(state, {code, reason}), the latter where a connection was lost. */
  onState(listener) {
    return this.#emitter.on("state", listener);
  }

  /** listener(data, messageId), the latter where the service sent one. */
  onMessage(listener) {
    return this.#emitter.on("message", listener);
  }

  /** listener(error): what was sent without waiting for a reply has failed, or a frame is no JSON. */
  onError(listener) {
    return this.#emitter.on("error", listener);
  }

  /** The result of a method. */
  call(method, parameters, { signal, timeout = this.#timeout } = {}) {
    const id = String(++this.#lastId);
    return limited({ timeout, signal }, (signal) => {
      this.#transmit(id, { id, method, parameters: parameters ?? {} });
      return new Promise((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        // A call that is sent stays pending, so that its late reply is known as one.
        signal.addEventListener("abort", () => {
          if (this.#queue.delete(id)) this.#pending.delete(id);
          reject(signal.reason);
        });
      });
    });
  }

  /** Call a method without waiting for its result. */
  send(method, parameters) {
    this.#transmit(String(++this.#lastId), { method, parameters: parameters ?? {} });
  }

  /** Give up the connection, with everything that waits for it, and connect anew. */
  reconnect() {
    if (this.#state === "closed") return;
    this.#disconnect("The connection was given up for another one.");
    this.#failures = 0;
    this.#connect();
  }

  close() {
    if (this.#state === "closed") return;
    this.#disconnect("The socket was closed.");
    this.#enter("closed");
  }

  // The connection

  #connect() {
    const connection = new this.#WebSocket(this.#address(), this.#protocols);
    connection.onopen = () => this.#opened();
    connection.onmessage = ({ data }) => this.#received(data);
    connection.onclose = (event) => this.#lost(event);
    connection.onerror = () => {}; // It closes as well. Node's `ws` wants a listener.
    this.#connection = connection;
    this.#openedAt = Infinity;
    this.#enter("connecting");
  }

  #opened() {
    this.#openedAt = Date.now();
    for (const text of this.#queue.values()) this.#connection.send(text);
    this.#queue.clear();
    this.#enter("open");
  }

  #lost({ code, reason }) {
    if (Date.now() - this.#openedAt > STABLE_AFTER) this.#failures = 0;
    this.#timer = setTimeout(() => this.#connect(), backoffDelay(this.#failures++, this.#backoff));
    this.#rejectSent("The connection was lost before the reply.");
    this.#enter("waiting", { code, reason });
  }

  #disconnect(reason) {
    clearTimeout(this.#timer);
    this.#connection.onopen = this.#connection.onmessage = this.#connection.onclose = null;
    this.#connection.close();
    this.#queue.clear();
    this.#rejectSent(reason);
  }

  #rejectSent(reason) {
    for (const [id, { reject }] of this.#pending) {
      if (this.#queue.has(id)) continue;
      this.#pending.delete(id);
      reject(new NetworkError(reason));
    }
  }

  #enter(state, details) {
    this.#state = state;
    this.#emitter.emit("state", state, details);
  }

  // Frames

  #transmit(id, frame) {
    const text = JSON.stringify(frame);
    if (this.#state === "closed") throw new NetworkError("The socket is closed.");
    if (this.#state === "open") this.#connection.send(text);
    else if (this.#queue.size < this.#maxQueue) this.#queue.set(id, text);
    else throw new NetworkError(`${this.#maxQueue} calls are waiting for the connection already.`);
  }

  #received(text) {
    let frame;
    try {
      frame = JSON.parse(text);
    } catch (cause) {
      this.#emitter.emit("error", new NetworkError("This frame is no JSON.", { cause }));
      return;
    }
    if (!isObject(frame)) this.#emitter.emit("message", frame);
    else if (this.#isReply(frame)) this.#settle(frame);
    else if ("message_id" in frame && "data" in frame)
      this.#emitter.emit("message", frame.data, frame.message_id);
    else if ("error" in frame) this.#emitter.emit("error", TotoError.from(frame.error));
    else this.#emitter.emit("message", frame);
  }

  #isReply(frame) {
    return this.#pending.has(frame.id) && ("result" in frame || "error" in frame);
  }

  #settle({ id, result, error }) {
    const { resolve, reject } = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) resolve(result ?? null);
    else reject(TotoError.from(error));
  }
}
