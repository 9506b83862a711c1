import { utf8 } from "./bytes.js";
import { byId, make } from "./dom.js";
import { FORMATS } from "./formats.js";
import { stringify } from "./json.js";
import { clipped, size } from "./raw.js";
import { hidden, secretsOf } from "./secrets.js";

const MOST_FRAMES = 200;
const LONGEST_FRAME = 2000;
/** By the codes of servers that close. */
const ADVICE = {
  1006: "Web sockets need the application of toto_django.asgi.",
  4401: "It did not take the signature of the opening.",
};

/** A web socket and the frames that went over it, the newest first. */
export class Live {
  #service;
  #sessions;
  #signer;
  #socket = null;
  #format;
  #lastId = 0;
  #isRevealed;
  /** {sign, label, time, bytes, value}, at most MOST_FRAMES. */
  #frames = [];
  #isPaused = false;
  #missed = 0;
  #state = "Closed.";
  /** What the socket's errors have told of the clocks. */
  #clock = "";

  constructor(service, sessions, signer, isRevealed) {
    this.#service = service;
    this.#sessions = sessions;
    this.#signer = signer;
    this.#isRevealed = isRevealed;
    byId("open-socket").addEventListener("click", () => (this.#socket ? this.close() : this.open()));
    byId("pause").addEventListener("click", () => this.#pause());
    byId("clear-frames").addEventListener("click", () => {
      this.#frames = [];
      this.#missed = 0;
      this.show();
      this.#say(this.#state);
    });
  }

  open() {
    const session = this.#sessions.get();
    const url = new URL(this.#service, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.pathname = url.pathname.replace(/\/*$/, "/websocket");
    if (session) url.pathname += `/${encodeURIComponent(session.session_id)}`;
    this.#signer.signOpening(session, url);
    this.#clock = "";
    this.#format = FORMATS[byId("frame-format").value];
    const socket = new WebSocket(url, this.#format.protocol ? [this.#format.protocol] : []);
    socket.binaryType = "arraybuffer";
    socket.onopen = () =>
      this.#say(`Open, ${session?.user_id ? `as ${session.user_id}` : "without a login"}.`);
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
    this.#socket = socket;
    byId("open-socket").textContent = "Close";
    byId("frame-format").disabled = true;
    this.#say("Opening …");
  }

  close() {
    this.#socket.onclose = null;
    this.#socket.close();
    this.#closed();
  }

  /** Send a call as a frame; the socket is opened where it is not. Throws what the format cannot hold. */
  call(method, parameters) {
    if (!this.#socket) this.open();
    const frame = { id: ++this.#lastId, method, parameters };
    const bytes = this.#format.encode(frame);
    const data = this.#format.isText ? stringify(frame) : bytes;
    const socket = this.#socket;
    const transmit = () => {
      socket.send(data);
      this.#keep({ sign: "→", label: "sent", bytes, value: frame });
    };
    if (socket.readyState === WebSocket.OPEN) transmit();
    else socket.addEventListener("open", transmit, { once: true });
  }

  #received(data) {
    const bytes = typeof data === "string" ? utf8(data) : new Uint8Array(data);
    const format = typeof data === "string" ? FORMATS.json : this.#format;
    let value;
    try {
      value = format.decode(bytes);
    } catch (error) {
      value = `This frame cannot be read: ${error.message}`;
    }
    this.#clock ||= this.#signer.heedClock(value?.error);
    this.#keep({ sign: "←", label: "received", bytes, value });
  }

  #closed(code, reason = "") {
    this.#socket = null;
    byId("open-socket").textContent = "Open";
    byId("frame-format").disabled = false;
    const texts = code === undefined ? ["Closed."] : [`Closed by the server, code ${code}.`, reason];
    this.#say([...texts, ADVICE[code], this.#clock].filter(Boolean).join(" "));
  }

  // What is shown

  #keep(frame) {
    this.#frames.unshift({ ...frame, time: new Date() });
    this.#frames.length = Math.min(this.#frames.length, MOST_FRAMES);
    if (this.#isPaused) {
      this.#missed++;
      this.#say(this.#state);
    } else {
      byId("frames").prepend(this.#item(this.#frames[0]));
      while (byId("frames").children.length > MOST_FRAMES) byId("frames").lastElementChild.remove();
    }
  }

  #pause() {
    this.#isPaused = !this.#isPaused;
    byId("pause").setAttribute("aria-pressed", String(this.#isPaused));
    if (!this.#isPaused) this.show();
    this.#missed = 0;
    this.#say(this.#state);
  }

  #say(state) {
    this.#state = state;
    const missed = this.#missed ? ` ${this.#missed} new, paused.` : "";
    byId("socket-state").textContent = state + missed;
  }

  /** Everything anew. */
  show() {
    byId("frames").replaceChildren(...this.#frames.map((frame) => this.#item(frame)));
  }

  #item({ sign, label, time, bytes, value }) {
    const text = stringify(value);
    const secrets = this.#isRevealed() ? new Map() : secretsOf(value, this.#sessions.get());
    const shown = clipped(hidden(text, secrets)).slice(0, LONGEST_FRAME);
    return make(
      "li",
      { class: label },
      make("span", { class: "sign", "aria-hidden": "true" }, sign),
      make("span", { class: "visually-hidden" }, label),
      make("code", {}, shown.length < LONGEST_FRAME ? shown : `${shown}…`),
      make("small", {}, `${time.toLocaleTimeString("en-GB")} · ${size(bytes)}`),
    );
  }
}
