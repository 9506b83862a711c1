import { isObject, NetworkError, TimeoutError } from "./errors.js";

/** Run something with an AbortSignal that follows the given one and the timeout in milliseconds (0: none). */
export async function limited({ timeout, signal }, run) {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  signal?.addEventListener("abort", abort);
  const timer =
    timeout > 0 ? setTimeout(() => controller.abort(new TimeoutError(timeout)), timeout) : undefined;
  try {
    return await run(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** The answer to a POST: {status, hmac, bytes}. */
export function post(fetch, url, { body, headers, timeout, signal }) {
  return limited({ timeout, signal }, async (signal) => {
    try {
      const response = await fetch(url, { method: "POST", body, headers, signal });
      const bytes = new Uint8Array(await response.arrayBuffer());
      return { status: response.status, hmac: response.headers.get("x-toto-hmac"), bytes };
    } catch (cause) {
      throw new NetworkError("The service cannot be reached.", { cause });
    }
  });
}

/** The object that an answer holds; {} for an empty one. */
export function decoded({ status, bytes }) {
  const isOk = status >= 200 && status < 300;
  if (isOk && bytes.length === 0) return {};
  const answer = parsedAnswer(bytes);
  if (!isObject(answer) || !(isOk || "error" in answer)) {
    throw new NetworkError(`This is no answer of a Toto service (HTTP status ${status}).`, { status });
  }
  return answer;
}

/** Undefined for what is no JSON. */
function parsedAnswer(bytes) {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
