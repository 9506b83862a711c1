import { toBase64 } from "./base64.js";
import { concat, toBytes } from "./bytes.js";
import { codes, TotoError } from "./errors.js";
import { hmacSha1 } from "./hmac.js";

/** What `x-toto-hmac` holds for a message. */
export function sign(key, message) {
  return toBase64(hmacSha1(key, message));
}

/**
 * Which keys sign which messages. `answerKeys` are those that may have signed an answer with the session
 * `given`: `results` are what its methods returned, `sent` is the session of the request.
 */
const SCHEMES = {
  user_id: {
    hasOwnKeys: false,
    requestKey: (session) => session.userId,
    requestMessage: (uri, body) => body,
    answerKeys: (given) => [given.user_id ?? ""],
    answerMessage: (sessionId, bytes) => bytes,
  },
  session_key: {
    hasOwnKeys: true,
    requestKey: (session) => session.key ?? "",
    requestMessage: (uri, body) => `POST${uri}${body}`,
    answerKeys(given, results, sent) {
      // A session in use has a key: none that an answer brings along replaces it.
      if (sent?.key !== undefined && sent.sessionId === given.session_id) return [sent.key];
      const login = results.find((result) => result?.session_id === given.session_id);
      return [given.key, login?.key, sent?.key].filter((key) => typeof key === "string");
    },
    answerMessage: (sessionId, bytes) => concat(toBytes(sessionId), bytes),
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
export function verifiedKey(scheme, keys, sessionId, { hmac, bytes }) {
  const message = scheme.answerMessage(sessionId, bytes);
  const key = keys.find((key) => sign(key, message) === hmac);
  if (key === undefined) throw new TotoError(codes.INVALID_RESPONSE_HMAC, "Invalid response HMAC");
  return key;
}
