// Where both pages keep the session, for toto.js: who is logged in on one is logged in on the other.

const STORED = "toto_django.example.session";

export const storage = {
  getItem() {
    const { session_id: sessionId, user_id: userId, expires, key } = JSON.parse(localStorage.getItem(STORED)) ?? {};
    return JSON.stringify(sessionId ? { sessionId, expires, userId, key } : null);
  },
  setItem(name, text) {
    const { sessionId: session_id, userId: user_id, expires, key } = JSON.parse(text);
    localStorage.setItem(STORED, JSON.stringify({ session_id, user_id, expires, key }));
  },
  removeItem() {
    localStorage.removeItem(STORED);
  },
};
