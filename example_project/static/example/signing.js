// x-toto-hmac: base64(HMAC-SHA1(key, message)), in the user_id scheme over the body.

const encoder = new TextEncoder();

/** The signature of bytes; the key is a user id, "" for an anonymous session. */
export async function sign(userId, bytes) {
  // Web Crypto refuses an empty key. A zero byte is the same key: HMAC pads keys with zeros.
  const raw = userId ? encoder.encode(userId) : new Uint8Array(1);
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", key, bytes);
  return btoa(String.fromCharCode(...new Uint8Array(signature)));
}
