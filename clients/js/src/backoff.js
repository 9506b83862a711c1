/**
 * Milliseconds to wait after failures in a row, the first being 0: twice as long each time, up to a limit,
 * less up to a half by chance, so that clients do not come back all at once.
 */
export function backoffDelay(failures, { initial = 1000, max = 30_000 } = {}) {
  return Math.min(max, initial * 2 ** failures) * (1 - Math.random() / 2);
}

/** Rejects with the signal's reason when it is aborted. */
export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", abort, { once: true });
  });
}
