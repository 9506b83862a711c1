/** Codes of the protocol. Services add their own. */
export const codes = Object.freeze({
  SERVER_ERROR: 1000,
  INVALID_METHOD: 1001,
  MISSING_METHOD: 1002,
  MISSING_PARAMETERS: 1003,
  NOT_AUTHORIZED: 1004,
  USER_NOT_FOUND: 1005,
  USER_ID_EXISTS: 1006,
  INVALID_SESSION_ID: 1007,
  INVALID_HMAC: 1008,
  INVALID_RESPONSE_HMAC: 1009,
  INVALID_USER_ID: 1010,
  INVALID_PARAMETERS: 1100,
  RATE_LIMITED: 1101,
  TIMED_OUT: 1102,
  TOO_LARGE: 1103,
  UNAVAILABLE: 1104,
});

const LOGGED_OUT = [codes.NOT_AUTHORIZED, codes.INVALID_SESSION_ID];
const TRANSIENT = [codes.SERVER_ERROR, codes.RATE_LIMITED, codes.TIMED_OUT, codes.UNAVAILABLE];

/** An error of the service: its code, its value and what else it carries. */
export class TotoError extends Error {
  name = "TotoError";

  constructor(code, value, details = {}, options) {
    super(typeof value === "string" ? value : (JSON.stringify(value) ?? `Error ${code}`), options);
    this.code = code;
    this.value = value;
    this.details = details;
    if (details.fields !== undefined) this.fields = details.fields;
    if (details.retry_after !== undefined) this.retryAfter = details.retry_after;
  }

  /** Of the `error` of an answer. Methods choose its type themselves. */
  static from(error) {
    if (!isObject(error)) return new TotoError(codes.SERVER_ERROR, error);
    const { code, value, ...details } = error;
    return new TotoError(code, value, details);
  }
}

/** There is no answer of the service: no connection, or something else answered. Its code is "network". */
export class NetworkError extends TotoError {
  name = "NetworkError";

  constructor(message, { status, ...options } = {}) {
    super("network", message, {}, options);
    /** The HTTP status, where there was one. */
    this.status = status;
  }
}

/** There was no answer in time. Its code is "timeout". */
export class TimeoutError extends TotoError {
  name = "TimeoutError";

  constructor(milliseconds) {
    super("timeout", `There was no answer within ${milliseconds} ms.`);
  }
}

/** Whether an error, of an answer or thrown, says that the session has ended. */
export function saysLoggedOut(error) {
  return LOGGED_OUT.includes(error?.code);
}

/** Milliseconds since 1970: the service's time, where a request was refused because its own was another; else NaN. */
export function serviceTime(error) {
  const time = error?.code === codes.INVALID_HMAC ? error.details?.time : undefined;
  return typeof time === "number" ? time * 1000 : NaN;
}

/** Whether the same call may succeed later. */
export function isTransient(error) {
  return error instanceof NetworkError || error instanceof TimeoutError || TRANSIENT.includes(error?.code);
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
