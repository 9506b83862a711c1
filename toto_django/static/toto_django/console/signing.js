import { hmacSha1 } from "../toto.js";
import { concat, toBase64, utf8 } from "./bytes.js";

/** By TOTO["HMAC"]: the key of a session, and what stands before the body in what is signed. */
const SCHEMES = {
  user_id: {
    keyOf: (session) => session.user_id,
    keyText: (session) => `the user id, ${JSON.stringify(session.user_id)}`,
    requestPrefix: () => "",
    answerPrefix: () => "",
  },
  session_key: {
    keyOf: (session) => session.key ?? "",
    keyText: () => "the session's key",
    requestPrefix: (uri) => `POST${uri}`,
    answerPrefix: (session) => session.session_id,
  },
};

/** What signs a request: {hmac, key, prefix}, the latter two as texts to show; null without a signature. */
export function requestSignature(scheme, session, uri, body) {
  if (!session || !Object.hasOwn(SCHEMES, scheme)) return null;
  const { keyOf, keyText, requestPrefix } = SCHEMES[scheme];
  const prefix = requestPrefix(uri);
  return { hmac: sign(keyOf(session), prefix, body), key: keyText(session), prefix };
}

/** The same of an answer with a session; `isRight` says whether the server sent it. */
export function answerSignature(scheme, session, given, body) {
  if (!session || !Object.hasOwn(SCHEMES, scheme)) return null;
  const { keyOf, keyText, answerPrefix } = SCHEMES[scheme];
  const prefix = answerPrefix(session);
  return {
    hmac: given,
    key: keyText(session),
    prefix,
    isRight: sign(keyOf(session), prefix, body) === given,
  };
}

function sign(key, prefix, body) {
  return toBase64(hmacSha1(key, concat([utf8(prefix), body])));
}
