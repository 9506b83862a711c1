/** What x-toto-hmac is made of: the server's setting TOTO["HMAC"]. */
export type Signing = "user_id" | "session_key" | "v2";

export interface Session {
  readonly sessionId: string;
  /** Unix seconds. */
  readonly expires: number;
  /** "" for an anonymous session. */
  readonly userId: string;
  /** What requests are signed with, under "session_key" and "v2". */
  readonly key?: string;
}

/** localStorage, sessionStorage, or anything like them. */
export interface SessionStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface TotoOptions {
  /** Default "user_id". Null: neither sign nor verify. */
  signing?: Signing | null;
  /** Whether answers with a session have to carry a right signature. Default true. */
  verify?: boolean;
  /** Where the session is kept. Default null: in memory. */
  storage?: SessionStorage | null;
  /** Default "toto:" and the URL. */
  storageKey?: string;
  fetch?: typeof fetch;
  /** Sent with every call. */
  headers?: HeadersInit;
  /** Milliseconds, 0 for none. Default 30,000. */
  timeout?: number;
}

export interface CallOptions {
  signal?: AbortSignal;
  /** Milliseconds, 0 for none. */
  timeout?: number;
}

export interface Backoff {
  /** Milliseconds after the first failure, halved at most by chance. Default 1,000. */
  initial?: number;
  /** Milliseconds that no pause exceeds. Default 30,000. */
  max?: number;
}

export interface PollOptions {
  /** Its abortion ends the loop, without an error. */
  signal?: AbortSignal;
  /** Of one call, in milliseconds. Default 0: as long as the service waits. */
  timeout?: number;
  backoff?: Backoff;
  /** A call has failed, and will be made again after so many milliseconds. */
  onError?: (error: TotoError, delay: number) => void;
}

/** The parameters of each call, or what makes them of the message before: undefined at first. */
export type PollParameters<Message> = object | ((last: Message | undefined) => unknown) | undefined;

export type BatchMember = readonly [method: string, parameters?: unknown];

export class Toto {
  /** @param url of the service; in browsers relative to the page. */
  constructor(url: string | URL, options?: TotoOptions);

  readonly url: string;
  /** Milliseconds, where a call names no other. */
  timeout: number;

  /** Null without one. Set it to go on with a session from elsewhere, say in a worker. */
  get session(): Session | null;
  set session(session: Session | null);

  /** The session is another one, or was renewed. Returns what removes the listener. */
  on(event: "session", listener: (session: Session) => void): () => void;
  /** The session has ended: by `logout`, or because the service said so. */
  on(event: "logout", listener: (session: Session) => void): () => void;

  /** Make an account and log in. */
  create(userId: string, password: string, properties?: object, options?: CallOptions): Promise<Session>;
  login(userId: string, password: string, options?: CallOptions): Promise<Session>;
  /** End the session. It is kept when the service cannot be reached. */
  logout(options?: CallOptions): Promise<void>;
  /** Change properties and, with `new_password`, the password. Gives the names of what has changed. */
  update(
    password: string,
    changes: { new_password?: string; [property: string]: unknown },
    options?: CallOptions,
  ): Promise<string[]>;

  /** The result of a method, null without one. Rejects with a TotoError, or with the signal's reason. */
  call<Result = unknown>(method: string, parameters?: unknown, options?: CallOptions): Promise<Result>;

  /** The results of several methods in one request. A failed one is a TotoError; the whole may reject. */
  batch<Result = unknown, Id = string>(
    members: ReadonlyMap<Id, BatchMember>,
    options?: CallOptions,
  ): Promise<Map<Id, Result | TotoError>>;
  batch<Results extends object>(
    members: { [Id in keyof Results]: BatchMember },
    options?: CallOptions,
  ): Promise<{ [Id in keyof Results]: Results[Id] | TotoError }>;

  /**
   * Make a call again and again, for messages that the service answers when there are some. Failures that
   * may pass are tried again; others end the loop with their error. Empty answers are no messages.
   */
  messages<Message = unknown>(
    method: string,
    parameters?: PollParameters<Message>,
    options?: PollOptions,
  ): AsyncGenerator<Message, void, undefined>;
  /** See messages. Resolves when the signal is aborted. */
  poll<Message = unknown>(
    method: string,
    parameters: PollParameters<Message>,
    options: PollOptions & { onMessage: (message: Message) => unknown },
  ): Promise<void>;

  /** A web socket of the session. It connects anew when somebody else logs in, or out. */
  socket(options?: SocketOptions): TotoSocket;
}

export type SocketState = "connecting" | "open" | "waiting" | "closed";

export interface SocketOptions {
  protocols?: string | string[];
  /** Default: the global one. */
  WebSocket?: new (url: string, protocols: string | string[]) => unknown;
  backoff?: Backoff;
  /** How many frames may wait for a connection. Default 100. */
  maxQueue?: number;
  /** Of calls, in milliseconds, 0 for none. Default: the client's. */
  timeout?: number;
}

export interface TotoSocket {
  /** "waiting" to connect again; "closed" by `close` only. */
  readonly state: SocketState;
  /** The result of a method. Waits for the connection; rejects with a NetworkError when it is lost. */
  call<Result = unknown>(method: string, parameters?: unknown, options?: CallOptions): Promise<Result>;
  /** Call a method without waiting for its result. Throws a NetworkError when closed or full. */
  send(method: string, parameters?: unknown): void;
  /** What the service sends of its own accord. Returns what removes the listener, as the others do. */
  onMessage(listener: (data: any, messageId: string | undefined) => void): () => void;
  /** The second argument is there where a connection was lost. */
  onState(listener: (state: SocketState, lost?: { code: number; reason: string }) => void): () => void;
  /** What was sent without waiting for a reply has failed, or a frame is no JSON. */
  onError(listener: (error: TotoError) => void): () => void;
  /** Give up the connection, with everything that waits for it, and connect anew. */
  reconnect(): void;
  close(): void;
}

/** An error of the service. */
export class TotoError extends Error {
  constructor(code: any, value: any, details?: Record<string, unknown>, options?: { cause?: unknown });
  /** One of `codes`, or the service's own. */
  readonly code: any;
  readonly value: any;
  /** What the error carries besides. */
  readonly details: Record<string, unknown>;
  /** What is wrong with which parameters (code 1100). */
  readonly fields?: Record<string, string[]>;
  /** Seconds (code 1101). */
  readonly retryAfter?: number;
}

/** There is no answer of the service: no connection, or something else answered. */
export class NetworkError extends TotoError {
  constructor(message: string, options?: { status?: number; cause?: unknown });
  readonly code: "network";
  /** The HTTP status, where there was one. */
  readonly status?: number;
}

/** There was no answer in time. */
export class TimeoutError extends TotoError {
  constructor(milliseconds: number);
  readonly code: "timeout";
}

/** Codes of the protocol. Services add their own. */
export const codes: {
  readonly SERVER_ERROR: 1000;
  readonly INVALID_METHOD: 1001;
  readonly MISSING_METHOD: 1002;
  readonly MISSING_PARAMETERS: 1003;
  readonly NOT_AUTHORIZED: 1004;
  readonly USER_NOT_FOUND: 1005;
  readonly USER_ID_EXISTS: 1006;
  readonly INVALID_SESSION_ID: 1007;
  readonly INVALID_HMAC: 1008;
  readonly INVALID_RESPONSE_HMAC: 1009;
  readonly INVALID_USER_ID: 1010;
  readonly INVALID_PARAMETERS: 1100;
  readonly RATE_LIMITED: 1101;
  readonly TIMED_OUT: 1102;
  readonly TOO_LARGE: 1103;
  readonly UNAVAILABLE: 1104;
};

/** What goes into `x-toto-hmac`, and the bytes that it signs: under "v2" lines of text. */
export interface Signature {
  readonly hmac: string;
  readonly message: Uint8Array;
}

/** The signature of a request that is not made by a Toto: in another format, by GET, to a view of your own. */
export function signRequest(
  signing: Signing,
  session: Session,
  request: {
    method: string;
    /** Path and query, as they are sent. */
    uri: string;
    /** Default "". */
    body?: string | Uint8Array;
    /** Milliseconds that the service's clock is ahead, under "v2". Default 0. */
    clockOffset?: number;
  },
): Signature;
/** The one that an answer with this session has to carry. `sent` is that of the request. */
export function signAnswer(
  signing: Signing,
  session: Session,
  answer: { body: Uint8Array; sent?: string | null },
): Signature;

/** In JavaScript, so also where Web Crypto is not. Texts are taken as UTF-8. */
export function hmacSha1(key: string | Uint8Array, message: string | Uint8Array): Uint8Array;
export function hmacSha256(key: string | Uint8Array, message: string | Uint8Array): Uint8Array;
