import { isObject } from "./errors.js";

const LOGOUT = "account.logout";

/**
 * Keeps a session, in a storage or in memory. A storage is read each time: other tabs log in and out too. It may hold
 * a session of a scheme that was in use before, which `isUsable` knows.
 */
export class SessionStore {
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

export function isSameSession(one, other) {
  return one?.sessionId === other?.sessionId;
}

/** What the calls of a request came to, each {method, result?, error?}, in the order in which they ran. */
export function outcomesOf({ method, batch }, answer) {
  if (!batch) return [{ method, result: answer.result, error: answer.error }];
  const ids = isObject(answer.batch) ? Object.keys(answer.batch).sort() : [];
  return ids.map((id) => ({ method: batch[id]?.method, ...answer.batch[id] }));
}

/** Whether calls logged out and none logged in again afterwards: then the session of the answer has ended. */
export function endsInLogout(outcomes, given) {
  const isLast = ({ method, result }) => (method === LOGOUT ? result !== undefined : isLogin(result, given));
  return outcomes.findLast(isLast)?.method === LOGOUT;
}

/** Whether a result is that of a login to a session. */
export function isLogin(result, session) {
  return session !== null && result?.session_id === session.sessionId;
}
