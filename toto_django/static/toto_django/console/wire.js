import { formatOf } from "./formats.js";
import { secretsOf } from "./secrets.js";
import { outcomesOf, sessionOf } from "./session.js";

/** The service: calls become exchanges, which hold all that went over the wire. */
export class Wire {
  #path;
  #signer;
  #namesByURL;
  #sessions;

  constructor({ path, signer, namesByURL }, sessions) {
    this.#path = path;
    this.#signer = signer;
    this.#namesByURL = namesByURL;
    this.#sessions = sessions;
  }

  /** The exchange of {method, parameters} or {batch: {id: call}}. Throws when nothing was sent. */
  async send(content, format, signal) {
    const request = this.#request(content, format);
    const start = performance.now();
    let response;
    try {
      response = await answerTo(request, signal);
    } catch (error) {
      response = { problem: error.name === "AbortError" ? "Cancelled." : "There was no answer." };
    }
    const exchange = { content, request, response, milliseconds: performance.now() - start };
    return Object.assign(exchange, this.#read(exchange));
  }

  #request(content, format) {
    const session = this.#sessions.get();
    const byURL = this.#namesByURL && content.method !== undefined;
    const uri = this.#path + (byURL ? encodeURIComponent(content.method) : "");
    const body = format.encode(byURL ? { parameters: content.parameters } : content);
    const sign = () => this.#signer.request(session, { method: "POST", uri, body });
    const headers = { "content-type": format.type };
    if (session) headers["x-toto-session-id"] = session.session_id;
    const signature = sign();
    const signedBy = (signature) => (signature ? { ...headers, "x-toto-hmac": signature.hmac } : headers);
    return {
      url: new URL(uri, location.href),
      uri,
      headers: signedBy(signature),
      /** Those with which the request can be made once more: under v2 each signature counts once. */
      anew: () => signedBy(sign()),
      body,
      signature,
      session,
    };
  }

  /** What the answer says: its value, or why it has none. */
  #read({ content, request, response }) {
    const { value, problem } = response.problem ? response : decoded(response);
    const outcomes = outcomesOf(content, value);
    const hmac = response.headers?.get("x-toto-hmac") ?? "";
    const given = sessionOf(value, outcomes, request.session, hmac);
    const signed = { given: hmac, sent: request.headers["x-toto-hmac"], body: response.body };
    const signature = this.#signer.answer(given, signed);
    if (signature?.isRight !== false) this.#sessions.follow(request.session, given, outcomes);
    const clock = outcomes.map(({ error }) => this.#signer.heedClock(error)).find(Boolean) ?? "";
    const secrets = secretsOf(content, request.session, value);
    return { value, problem, outcomes, signature, clock, secrets };
  }
}

/** {status, statusText, headers, body}. Without cookies: the session is the console's own. */
async function answerTo({ url, headers, body }, signal) {
  const options = { method: "POST", headers, body, signal, credentials: "omit", redirect: "manual" };
  const response = await fetch(url, options);
  if (response.type === "opaqueredirect") {
    return { problem: "A redirect. Browsers do not tell pages where to; curl does." };
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, statusText: response.statusText, headers: response.headers, body: bytes };
}

function decoded({ headers, body }) {
  const type = headers.get("content-type") ?? "";
  const format = formatOf(type);
  if (body.length === 0) return { problem: "An empty answer: the method returned nothing." };
  if (!format) return { problem: `An answer as it is, ${type || "without a type"}: see below.` };
  try {
    return { value: format.decode(body) };
  } catch (error) {
    return { problem: `The answer cannot be read: ${error.message}` };
  }
}
