// toto.js 0.1.0, MIT. Built by clients/js/build.mjs from clients/js/src.

// emitter.js

/** Listeners by the names of events. */
class Emitter {
  #listeners = new Map();

  /** Returns a function that removes the listener. */
  on(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(listener);
    return () => this.#listeners.get(name).delete(listener);
  }

  /** A listener that throws stops neither the others nor the caller; its error is reported as uncaught. */
  emit(name, ...values) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(...values);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

// errors.js

/** Codes of the protocol. Services add their own. */
const codes = Object.freeze({
  SERVER_ERROR: 1000,
  INVALID_METHOD: 1001,
  MISSING_METHOD: 1002,
  MISSING_PARAMETERS: 1003,
  NOT_AUTHORIZED: 1004,
  USER_NOT_FOUND: 1005,
  USER_ID_EXISTS: 1006,
  INVALID_SESSION_ID: 1007,
  INVALID_HMAC: 1008,
  INVALID_RESPONSE_HMAC: 1009,
  INVALID_USER_ID: 1010,
  INVALID_PARAMETERS: 1100,
  RATE_LIMITED: 1101,
  TIMED_OUT: 1102,
  TOO_LARGE: 1103,
  UNAVAILABLE: 1104,
});

const LOGGED_OUT = [codes.NOT_AUTHORIZED, codes.INVALID_SESSION_ID];
const TRANSIENT = [codes.SERVER_ERROR, codes.RATE_LIMITED, codes.TIMED_OUT, codes.UNAVAILABLE];

/** An error of the service: its code, its value and what else it carries. */
class TotoError extends Error {
  name = "TotoError";

  constructor(code, value, details = {}, options) {
    super(typeof value === "string" ? value : (JSON.stringify(value) ?? `Error ${code}`), options);
    this.code = code;
    this.value = value;
    this.details = details;
    if (details.fields !== undefined) this.fields = details.fields;
    if (details.retry_after !== undefined) this.retryAfter = details.retry_after;
  }

  /** Of the `error` of an answer. Methods choose its type themselves. */
  static from(error) {
    if (!isObject(error)) return new TotoError(codes.SERVER_ERROR, error);
    const { code, value, ...details } = error;
    return new TotoError(code, value, details);
  }
}

/** There is no answer of the service: no connection, or something else answered. Its code is "network". */
class NetworkError extends TotoError {
  name = "NetworkError";

  constructor(message, { status, ...options } = {}) {
    super("network", message, {}, options);
    /** The HTTP status, where there was one. */
    this.status = status;
  }
}

/** There was no answer in time. Its code is "timeout". */
class TimeoutError extends TotoError {
  name = "TimeoutError";

  constructor(milliseconds) {
    super("timeout", `There was no answer within ${milliseconds} ms.`);
  }
}

/** Whether an error, of an answer or thrown, says that the session has ended. */
function saysLoggedOut(error) {
  return LOGGED_OUT.includes(error?.code);
}

/** Milliseconds since 1970: the service's time, where a request was refused because its own was another; else NaN. */
function serviceTime(error) {
  const time = error?.code === codes.INVALID_HMAC ? error.details?.time : undefined;
  return typeof time === "number" ? time * 1000 : NaN;
}

/** Whether the same call may succeed later. */
function isTransient(error) {
  return error instanceof NetworkError || error instanceof TimeoutError || TRANSIENT.includes(error?.code);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// backoff.js

/**
 * Milliseconds to wait after failures in a row, the first being 0: twice as long each time, up to a limit,
 * less up to a half by chance, so that clients do not come back all at once.
 */
function backoffDelay(failures, { initial = 1000, max = 30_000 } = {}) {
  return Math.min(max, initial * 2 ** failures) * (1 - Math.random() / 2);
}

/** Rejects with the signal's reason when it is aborted. */
function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", abort, { once: true });
  });
}

// longpoll.js

/**
 * The results of a call that is made again and again: at once after an answer, also while the consumer is
 * still busy with it, and after a growing pause when it failed. Empty answers are no messages.
 *
 * @param {(parameters, {signal, timeout}) => Promise} call
 * @param parameters may be a function that makes them of the message before
 */
async function* longPoll(call, parameters, { signal, timeout = 0, backoff, onError } = {}) {
  if (signal?.aborted) return;
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  signal?.addEventListener("abort", abort);
  let last;
  const poll = () => {
    const given = typeof parameters === "function" ? parameters(last) : parameters;
    const limits = { signal: controller.signal, timeout };
    const answer = persisted(() => call(given, limits), controller.signal, { backoff, onError });
    answer.catch(() => {}); // It is awaited only when the consumer asks for the next message.
    return answer;
  };
  try {
    let answer = poll();
    while (true) {
      const message = await answer;
      if (signal?.aborted) return;
      last = message ?? last;
      answer = poll();
      if (message !== null) yield message;
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
    controller.abort();
  }
}

/** What a call gives when it succeeds at last. Throws the errors that would only come again. */
async function persisted(call, signal, { backoff, onError }) {
  for (let failures = 0; ; failures++) {
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || !isTransient(error)) throw error;
      const delay = Math.max(backoffDelay(failures, backoff), (error.retryAfter ?? 0) * 1000);
      onError?.(error, delay);
      await sleep(delay, signal);
    }
  }
}

// session.js

const LOGOUT = "account.logout";

/**
 * Keeps a session, in a storage or in memory. A storage is read each time: other tabs log in and out too. It may hold
 * a session of a scheme that was in use before, which `isUsable` knows.
 */
class SessionStore {
  #storage;
  #key;
  #isUsable;
  #session = null;

  constructor(storage, key, isUsable) {
    this.#storage = storage;
    this.#key = key;
    this.#isUsable = isUsable;
  }

  get() {
    if (!this.#storage) return this.#session;
    const session = parsedSession(this.#storage.getItem(this.#key));
    return session && this.#isUsable(session) ? session : null;
  }

  set(session) {
    if (!this.#storage) this.#session = session && Object.freeze({ ...session });
    else if (session) this.#storage.setItem(this.#key, JSON.stringify(session));
    else this.#storage.removeItem(this.#key);
  }
}

/** Null for what is no session. */
function parsedSession(text) {
  try {
    const session = JSON.parse(text);
    return typeof session?.sessionId === "string" ? Object.freeze(session) : null;
  } catch {
    return null;
  }
}

function isSameSession(one, other) {
  return one?.sessionId === other?.sessionId;
}

/** What the calls of a request came to, each {method, result?, error?}, in the order in which they ran. */
function outcomesOf({ method, batch }, answer) {
  if (!batch) return [{ method, result: answer.result, error: answer.error }];
  const ids = isObject(answer.batch) ? Object.keys(answer.batch).sort() : [];
  return ids.map((id) => ({ method: batch[id]?.method, ...answer.batch[id] }));
}

/** Whether calls logged out and none logged in again afterwards: then the session of the answer has ended. */
function endsInLogout(outcomes, given) {
  const isLast = ({ method, result }) => (method === LOGOUT ? result !== undefined : isLogin(result, given));
  return outcomes.findLast(isLast)?.method === LOGOUT;
}

/** Whether a result is that of a login to a session. */
function isLogin(result, session) {
  return session !== null && result?.session_id === session.sessionId;
}

// base64.js

function toBase64(bytes) {
  let characters = "";
  for (const byte of bytes) characters += String.fromCharCode(byte);
  return btoa(characters);
}

// bytes.js

const encoder = new TextEncoder();

/** The UTF-8 bytes of a text. Bytes stay as they are. */
function toBytes(value) {
  return typeof value === "string" ? encoder.encode(value) : value;
}

function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

// padding.js

/** A message as SHA-1 and SHA-256 read it: then 0x80, zeros and its length in bits, in blocks of 64 bytes. */
function padded(message) {
  const size = Math.ceil((message.length + 9) / 64) * 64;
  const bytes = new Uint8Array(size);
  bytes.set(message);
  bytes[message.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setUint32(size - 8, Math.floor(message.length / 2 ** 29));
  view.setUint32(size - 4, message.length << 3);
  return view;
}

/** The bytes of 32-bit words. */
function digestOf(words) {
  const view = new DataView(new ArrayBuffer(words.length * 4));
  words.forEach((word, index) => view.setUint32(index * 4, word));
  return new Uint8Array(view.buffer);
}

// sha1.js

const SHA1_START = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];

/** SHA-1 (RFC 3174) of bytes. In JavaScript, because Web Crypto is there in secure contexts only. */
function sha1(message) {
  const view = padded(message);
  const state = new Uint32Array(SHA1_START);
  const words = new Uint32Array(80);
  for (let offset = 0; offset < view.byteLength; offset += 64) {
    for (let i = 0; i < 16; i++) words[i] = view.getUint32(offset + i * 4);
    for (let i = 16; i < 80; i++) {
      words[i] = rotatedLeft(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    }
    addSha1Block(state, words);
  }
  return digestOf(state);
}

function addSha1Block(state, words) {
  let [a, b, c, d, e] = state;
  for (let i = 0; i < 80; i++) {
    const sum = rotatedLeft(a, 5) + mixed(i, b, c, d) + e + words[i];
    e = d;
    d = c;
    c = rotatedLeft(b, 30);
    b = a;
    a = sum | 0;
  }
  for (const [index, word] of [a, b, c, d, e].entries()) state[index] += word;
}

/** The function of a round, with its constant. */
function mixed(round, b, c, d) {
  if (round < 20) return ((b & c) | (~b & d)) + 0x5a827999;
  if (round < 40) return (b ^ c ^ d) + 0x6ed9eba1;
  if (round < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}

function rotatedLeft(word, bits) {
  return (word << bits) | (word >>> (32 - bits));
}

// sha256.js

const SHA256_START = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];
const SHA256_ROUNDS = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/** SHA-256 (RFC 6234) of bytes. In JavaScript, because Web Crypto is there in secure contexts only. */
function sha256(message) {
  const view = padded(message);
  const state = new Uint32Array(SHA256_START);
  const words = new Uint32Array(64);
  for (let offset = 0; offset < view.byteLength; offset += 64) {
    for (let i = 0; i < 16; i++) words[i] = view.getUint32(offset + i * 4);
    for (let i = 16; i < 64; i++) {
      const [w2, w15] = [words[i - 2], words[i - 15]];
      const s0 = rotatedRight(w15, 7) ^ rotatedRight(w15, 18) ^ (w15 >>> 3);
      const s1 = rotatedRight(w2, 17) ^ rotatedRight(w2, 19) ^ (w2 >>> 10);
      words[i] = words[i - 16] + s0 + words[i - 7] + s1;
    }
    addSha256Block(state, words);
  }
  return digestOf(state);
}

function addSha256Block(state, words) {
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const s1 = rotatedRight(e, 6) ^ rotatedRight(e, 11) ^ rotatedRight(e, 25);
    const s0 = rotatedRight(a, 2) ^ rotatedRight(a, 13) ^ rotatedRight(a, 22);
    const t1 = h + s1 + ((e & f) ^ (~e & g)) + SHA256_ROUNDS[i] + words[i];
    const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) state[index] += word;
}

function rotatedRight(word, bits) {
  return (word >>> bits) | (word << (32 - bits));
}

// hmac.js

const BLOCK_SIZE = 64;

/** HMAC-SHA1 of a message. Texts are taken as UTF-8. */
function hmacSha1(key, message) {
  return hmac(sha1, toBytes(key), toBytes(message));
}

/** HMAC-SHA256 of a message. Texts are taken as UTF-8. */
function hmacSha256(key, message) {
  return hmac(sha256, toBytes(key), toBytes(message));
}

/** RFC 2104. */
function hmac(hash, key, message) {
  const block = new Uint8Array(BLOCK_SIZE);
  block.set(key.length > BLOCK_SIZE ? hash(key) : key);
  const innerKey = block.map((byte) => byte ^ 0x36);
  const outerKey = block.map((byte) => byte ^ 0x5c);
  return hash(concat(outerKey, hash(concat(innerKey, message))));
}

// signing.js

const NONCE_SIZE = 16;
const V2_REQUEST = /^v2:\d+:([\w-]+):/;

/**
 * How requests and answers are signed: {hmac, message}, the header and the bytes it is made of. A request is
 * {sessionId, method, uri, body, clockOffset (milliseconds)}, an answer {sessionId, bytes, sent (x-toto-hmac of the
 * request)}. `answerKeys` are those that may have signed an answer with the session `given`: `results` are what its
 * methods returned, `sent` is the session of the request.
 */
const SCHEMES = {
  user_id: {
    hasOwnKeys: false,
    requestKey: (session) => session.userId,
    signRequest: (key, { body }) => signed(hmacSha1, key, toBytes(body)),
    answerKeys: (given) => [given.user_id ?? ""],
    signAnswer: (key, { bytes }) => signed(hmacSha1, key, bytes),
  },
  session_key: {
    hasOwnKeys: true,
    requestKey: (session) => session.key ?? "",
    signRequest: (key, { method, uri, body }) =>
      signed(hmacSha1, key, concat(toBytes(method + uri), toBytes(body))),
    answerKeys: ownKeys,
    signAnswer: (key, { sessionId, bytes }) => signed(hmacSha1, key, concat(toBytes(sessionId), bytes)),
  },
  v2: {
    hasOwnKeys: true,
    /** The header of requests without a session, by which a client asks for this scheme. */
    offer: "v2",
    signsSockets: true,
    /** Sessions that did not begin under it are signed by an older scheme, which this client no longer speaks. */
    isUsable: ({ sessionId }) => sessionId.endsWith(".v2"),
    requestKey: (session) => session.key ?? "",
    signRequest(key, { sessionId, method, uri, body, clockOffset = 0, nonce = randomNonce() }) {
      const seconds = Math.floor((Date.now() + clockOffset) / 1000);
      const lines = ["v2", method, uri, sessionId, seconds, nonce, digest(body)];
      return signed(hmacSha256, key, toBytes(lines.join("\n")), `v2:${seconds}:${nonce}:`);
    },
    answerKeys: ownKeys,
    signAnswer(key, { sessionId, bytes, sent }) {
      const nonce = V2_REQUEST.exec(sent ?? "")?.[1] ?? "";
      const lines = ["v2 answer", sessionId, nonce, digest(bytes)];
      return signed(hmacSha256, key, toBytes(lines.join("\n")), "v2:");
    },
  },
};

/** The scheme of a name, null for null. */
function schemeOf(name) {
  if (name === null) return null;
  if (!Object.hasOwn(SCHEMES, name))
    throw new TypeError(`There is no signing scheme ${JSON.stringify(name)}.`);
  return SCHEMES[name];
}

/** That of the keys with which an answer was signed. Throws a TotoError (1009) if it is none of them. */
function verifiedKey(scheme, keys, hmac, answer) {
  const key = keys.find((key) => scheme.signAnswer(key, answer).hmac === hmac);
  if (key === undefined) throw new TotoError(codes.INVALID_RESPONSE_HMAC, "Invalid response HMAC");
  return key;
}

/** The signature of a request that is not made by a Toto. */
function signRequest(signing, session, request) {
  const scheme = schemeOf(signing);
  const { sessionId } = session;
  return scheme.signRequest(scheme.requestKey(session), { body: "", ...request, sessionId });
}

/** That of its answer with this session: {body, sent}, the latter being x-toto-hmac of the request. */
function signAnswer(signing, session, { body, sent }) {
  const scheme = schemeOf(signing);
  const answer = { sessionId: session.sessionId, bytes: body, sent };
  return scheme.signAnswer(scheme.requestKey(session), answer);
}

function signed(hmac, key, message, prefix = "") {
  return { hmac: prefix + toBase64(hmac(key, message)), message };
}

function ownKeys(given, results, sent) {
  // A session in use has a key: none that an answer brings along replaces it.
  if (sent?.key !== undefined && sent.sessionId === given.session_id) return [sent.key];
  const login = results.find((result) => result?.session_id === given.session_id);
  return [given.key, login?.key, sent?.key].filter((key) => typeof key === "string");
}

function digest(body) {
  return toHex(sha256(toBytes(body)));
}

function randomNonce() {
  return toHex(crypto.getRandomValues(new Uint8Array(NONCE_SIZE)));
}

function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// transport.js

/** Run something with an AbortSignal that follows the given one and the timeout in milliseconds (0: none). */
async function limited({ timeout, signal }, run) {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  signal?.addEventListener("abort", abort);
  const timer =
    timeout > 0 ? setTimeout(() => controller.abort(new TimeoutError(timeout)), timeout) : undefined;
  try {
    return await run(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** The answer to a POST: {status, hmac, bytes}. */
function post(fetch, url, { body, headers, timeout, signal }) {
  return limited({ timeout, signal }, async (signal) => {
    try {
      const response = await fetch(url, { method: "POST", body, headers, signal });
      const bytes = new Uint8Array(await response.arrayBuffer());
      return { status: response.status, hmac: response.headers.get("x-toto-hmac"), bytes };
    } catch (cause) {
      throw new NetworkError("The service cannot be reached.", { cause });
    }
  });
}

/** The object that an answer holds; {} for an empty one. */
function decoded({ status, bytes }) {
  const isOk = status >= 200 && status < 300;
  if (isOk && bytes.length === 0) return {};
  const answer = parsedAnswer(bytes);
  if (!isObject(answer) || !(isOk || "error" in answer)) {
    throw new NetworkError(`This is no answer of a Toto service (HTTP status ${status}).`, { status });
  }
  return answer;
}

/** Undefined for what is no JSON. */
function parsedAnswer(bytes) {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

// socket.js

/** Milliseconds after which a connection counts as a good one: the next is tried soon after its end. */
const STABLE_AFTER = 5000;

/** `<service>/websocket/<session id>`, with ws for http and wss for https. */
function socketURL(service, session) {
  const url = new URL(service);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.pathname = url.pathname.replace(/\/*$/, "/websocket");
  if (session) url.pathname += `/${encodeURIComponent(session.sessionId)}`;
  return url.href;
}

/** A web socket that connects again when its connection is lost. Calls wait for the connection. */
class TotoSocket {
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

// client.js

/** Milliseconds. Who can forge a service's errors makes a client sign for no later time than that. */
const LARGEST_OFFSET = 24 * 60 * 60 * 1000;

/** A service: its calls, and the session in which they are made. The options are described in index.d.ts. */
class Toto {
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

export { Toto, codes, NetworkError, TimeoutError, TotoError, hmacSha1, hmacSha256, signAnswer, signRequest };
