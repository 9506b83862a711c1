import { toBase64 } from "./base64.js";
import { concat, toBytes } from "./bytes.js";
import { codes, TotoError } from "./errors.js";
import { hmacSha1, hmacSha256 } from "./hmac.js";
import { sha256 } from "./sha256.js";

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
export function schemeOf(name) {
  if (name === null) return null;
  if (!Object.hasOwn(SCHEMES, name))
    throw new TypeError(`There is no signing scheme ${JSON.stringify(name)}.`);
  return SCHEMES[name];
}

/** That of the keys with which an answer was signed. Throws a TotoError (1009) if it is none of them. */
export function verifiedKey(scheme, keys, hmac, answer) {
  const key = keys.find((key) => scheme.signAnswer(key, answer).hmac === hmac);
  if (key === undefined) throw new TotoError(codes.INVALID_RESPONSE_HMAC, "Invalid response HMAC");
  return key;
}

/** The signature of a request that is not made by a Toto. */
export function signRequest(signing, session, request) {
  const scheme = schemeOf(signing);
  const { sessionId } = session;
  return scheme.signRequest(scheme.requestKey(session), { body: "", ...request, sessionId });
}

/** That of its answer with this session: {body, sent}, the latter being x-toto-hmac of the request. */
export function signAnswer(signing, session, { body, sent }) {
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
