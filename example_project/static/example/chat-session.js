// The session where the start page keeps it, in its form: who is logged in there is logged in here.

const STORED = "toto_django.example.session";

export const storage = {
  getItem() {
    const { session_id: sessionId, user_id: userId, expires } = JSON.parse(localStorage.getItem(STORED)) ?? {};
    return JSON.stringify(sessionId ? { sessionId, expires, userId } : null);
  },
  setItem(key, text) {
    const { sessionId: session_id, userId: user_id, expires } = JSON.parse(text);
    localStorage.setItem(STORED, JSON.stringify({ session_id, user_id, expires }));
  },
  removeItem() {
    localStorage.removeItem(STORED);
  },
};
