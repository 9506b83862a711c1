import { signAnswer, signRequest } from "../toto.js";
import { fromUtf8 } from "./bytes.js";

const INVALID_HMAC = 1008;
/** Milliseconds. A clock that is further away is told of, and not followed. */
const LARGEST_OFFSET = 24 * 60 * 60 * 1000;

/** By TOTO["HMAC"], in words: the hash, the key of a session and, where lines of text are signed, what they hold. */
const SCHEMES = {
  user_id: {
    hash: "HMAC-SHA1",
    keyText: (session) => `the user id, ${JSON.stringify(session.user_id)}`,
  },
  session_key: {
    hash: "HMAC-SHA1",
    keyText: () => "the session's key",
  },
  v2: {
    hash: "HMAC-SHA256",
    keyText: () => "the session's key",
    requestLines: "version, method, path and query, session id, time, nonce, SHA-256 of the body",
    answerLines: "version, session id, nonce of the request, SHA-256 of the body",
  },
};

/**
 * Signs what is sent, and looks at the signatures of answers. A signature is {hmac, hash, key, prefix}, or with `lines`
 * and `message` in place of what stands before the body: texts to show. It is null without a session or a scheme.
 */
export class Signer {
  #scheme;
  /** Milliseconds that the service's clock is ahead. */
  #clockOffset = 0;

  /** `scheme` is TOTO["HMAC"]; sessions may have another one, `signing`. */
  constructor(scheme) {
    this.#scheme = scheme;
  }

  request(session, { method, uri, body }) {
    const scheme = this.#schemeOf(session);
    if (!scheme) return null;
    const request = { method, uri, body, clockOffset: this.#clockOffset };
    const signature = signRequest(scheme, plain(session), request);
    return told(scheme, session, signature, body, SCHEMES[scheme].requestLines);
  }

  /** `isRight` says whether it is `given`, the one that the answer carries; `sent` is the request's. */
  answer(session, { given, sent, body }) {
    const scheme = this.#schemeOf(session);
    if (!scheme) return null;
    const signature = signAnswer(scheme, plain(session), { body, sent });
    const shown = told(scheme, session, signature, body, SCHEMES[scheme].answerLines);
    return { ...shown, hmac: given, isRight: signature.hmac === given };
  }

  /** Sign the opening of a web socket, in its address, where the session's scheme asks for it. */
  signOpening(session, url) {
    if (this.#schemeOf(session) !== "v2") return;
    const request = { method: "GET", uri: url.pathname + url.search, clockOffset: this.#clockOffset };
    url.searchParams.append("hmac", signRequest("v2", plain(session), request).hmac);
  }

  /** What an error says of the clocks, "" for most. What is signed afterwards has the service's time. */
  heedClock(error) {
    if (error?.code !== INVALID_HMAC || typeof error.time !== "number") return "";
    const offset = error.time * 1000 - Date.now();
    const seconds = Math.round(Math.abs(offset) / 1000).toLocaleString("en");
    const text = `The service's clock is ${seconds} s ${offset > 0 ? "ahead of" : "behind"} this browser's.`;
    if (!(Math.abs(offset) <= LARGEST_OFFSET)) return text;
    this.#clockOffset = offset;
    return `${text} What you send next is signed with the service's time.`;
  }

  #schemeOf(session) {
    return session && Object.hasOwn(SCHEMES, this.#scheme) ? (session.signing ?? this.#scheme) : null;
  }
}

function told(scheme, session, { hmac, message }, body, lines) {
  const { hash, keyText } = SCHEMES[scheme];
  const signature = { hmac, hash, key: keyText(session) };
  if (lines) return { ...signature, lines, message: fromUtf8(message) };
  return { ...signature, prefix: fromUtf8(message.subarray(0, message.length - body.length)) };
}

/** A session, as toto.js has it. */
function plain({ session_id, user_id, key }) {
  return { sessionId: session_id, userId: user_id, key };
}
