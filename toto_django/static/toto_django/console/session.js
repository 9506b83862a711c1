import { isObject } from "./values.js";

const LOGOUT = "account.logout";
const LOGGED_OUT = [1004, 1007];

/** Keeps {session_id, expires, user_id, key?, signing?}, or null, as long as the tab lives. */
export class SessionStore {
  #key;
  #listener;

  constructor(service, listener) {
    this.#key = `toto_django.console:${service}`;
    this.#listener = listener;
  }

  get() {
    try {
      return JSON.parse(sessionStorage.getItem(this.#key));
    } catch {
      return null;
    }
  }

  set(session) {
    if (session) sessionStorage.setItem(this.#key, JSON.stringify(session));
    else sessionStorage.removeItem(this.#key);
    this.#listener(session);
  }

  /** Go on with the session of an answer, unless that which was sent has been replaced meanwhile. */
  follow(sent, given, outcomes) {
    const isCurrent = this.get()?.session_id === sent?.session_id;
    const isRefused = !given && sent && outcomes.some(({ error }) => LOGGED_OUT.includes(error?.code));
    if (isRefused || endsInLogout(outcomes, given)) {
      if (isCurrent) this.set(null);
    } else if (given && (isCurrent || outcomes.some(({ result }) => isLogin(result, given)))) {
      this.set(given);
    }
  }
}

/**
 * The session of an answer, with the key that it, a login or the request has for it; null without one. `signing` is
 * "v2" where `hmac`, the answer's signature, says so: a session has its scheme for life.
 */
export function sessionOf(answer, outcomes, sent, hmac) {
  if (!isObject(answer?.session)) return null;
  const { session_id, expires, user_id } = answer.session;
  const login = outcomes.find(({ result }) => isLogin(result, answer.session));
  const known = sent?.session_id === session_id ? sent : null;
  const key = known?.key ?? answer.session.key ?? login?.result.key ?? sent?.key;
  const signing = hmac.startsWith("v2:") ? "v2" : known?.signing;
  return {
    session_id,
    expires,
    user_id: user_id ?? "",
    ...(key === undefined ? {} : { key }),
    ...(signing === undefined ? {} : { signing }),
  };
}

/** What the calls came to, each {id, method, result?, error?}, in the order in which they ran. */
export function outcomesOf(content, answer) {
  if (!isObject(answer)) return [];
  if (!content.batch) return [{ method: content.method, ...answer }];
  const members = isObject(answer.batch) ? Object.entries(answer.batch) : [];
  if (answer.error) members.push(["", answer]);
  members.sort(([one], [other]) => (one < other ? -1 : 1));
  return members.map(([id, outcome]) => ({ id, method: content.batch[id]?.method, ...outcome }));
}

function endsInLogout(outcomes, given) {
  const isLast = ({ method, result }) => (method === LOGOUT ? result !== undefined : isLogin(result, given));
  return outcomes.findLast(isLast)?.method === LOGOUT;
}

function isLogin(result, session) {
  return isObject(session) && isObject(result) && result.session_id === session.session_id;
}
