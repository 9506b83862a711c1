import { backoffDelay, sleep } from "./backoff.js";
import { isTransient } from "./errors.js";

/**
 * The results of a call that is made again and again: at once after an answer, also while the consumer is
 * still busy with it, and after a growing pause when it failed. Empty answers are no messages.
 *
 * @param {(parameters, {signal, timeout}) => Promise} call
 * @param parameters may be a function that makes them of the message before
 */
export async function* longPoll(call, parameters, { signal, timeout = 0, backoff, onError } = {}) {
  if (signal?.aborted) return;
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  signal?.addEventListener("abort", abort);
  let last;
  const poll = () => {
    const given = typeof parameters === "function" ? parameters(last) : parameters;
    const limits = { signal: controller.signal, timeout };
    const answer = persisted(() => call(given, limits), controller.signal, { backoff, onError });
    answer.catch(() => {}); // It is awaited only when the consumer asks for the next message.
    return answer;
  };
  try {
    let answer = poll();
    while (true) {
      const message = await answer;
      if (signal?.aborted) return;
      last = message ?? last;
      answer = poll();
      if (message !== null) yield message;
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
    controller.abort();
  }
}

/** What a call gives when it succeeds at last. Throws the errors that would only come again. */
async function persisted(call, signal, { backoff, onError }) {
  for (let failures = 0; ; failures++) {
    try {
      return await call();
    } catch (error) {
      if (signal.aborted || !isTransient(error)) throw error;
      const delay = Math.max(backoffDelay(failures, backoff), (error.retryAfter ?? 0) * 1000);
      onError?.(error, delay);
      await sleep(delay, signal);
    }
  }
}
