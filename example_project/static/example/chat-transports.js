// Two ways in which the news of a room arrive. Both ask for what is newer than the last message seen, so that nothing
// is lost: after a pause, after the restart of a server, after a change from one way to the other.

const BACKOFF = { initial: 500, max: 5000 };
/** Seconds for which the service may wait for news, and between two looks over a socket. */
const WAIT = 20;
/** Milliseconds after which an answer that should be there is not coming. */
const PATIENCE = 10_000;
const LOST = ["network", "timeout"];

/**
 * Start one. `page` has after(), the id of the last message seen; onNews(items); onState("connecting", "live" or
 * "offline"); onEnd(error) for what trying again does not help. None is called before this has returned.
 */
export function start(transport, toto, room, page) {
  return transport === "socket" ? overSocket(toto, room, page) : byLongPoll(toto, room, page);
}

function byLongPoll(toto, room, page) {
  const controller = new AbortController();
  let asked;
  /** The first request is answered at once, so that the page knows that it is connected. */
  const parameters = (news) => {
    asked = { room, after: latest(page.after(), news), wait: news ? WAIT : 0 };
    return asked;
  };
  toto
    .poll("chat.receive", parameters, {
      signal: controller.signal,
      timeout: WAIT * 1000 + PATIENCE,
      backoff: BACKOFF,
      onMessage(news) {
        page.onState("live");
        page.onNews(news);
      },
      onError() {
        asked.wait = 0; // The same holds for the request that comes after a failure.
        page.onState("offline");
      },
    })
    .catch(page.onEnd);
  return {
    call: (method, parameters) => toto.call(method, parameters),
    stop: () => controller.abort(),
  };
}

/** The service asks with the id before, since the page has not been given the news yet. */
function latest(after, news) {
  const ids = (news ?? []).filter(({ id }) => id).map(({ id }) => id);
  return news ? Math.max(after ?? 0, ...ids) : after;
}

function overSocket(toto, room, page) {
  const socket = toto.socket({ backoff: BACKOFF });
  const failed = (error) => {
    if (error.code === "timeout") socket.reconnect();
    else if (!LOST.includes(error.code)) page.onEnd(error);
  };
  const subscribe = async () => {
    await socket.call("chat.subscribe", { room, after: page.after() }, { timeout: PATIENCE });
    page.onState("live");
  };
  /** Does the connection live, and does the session? Was an event lost on its way? */
  const look = async () => {
    if (socket.state !== "open") return;
    page.onNews(await socket.call("chat.receive", { room, after: page.after(), wait: 0 }, { timeout: PATIENCE }));
  };
  socket.onMessage(page.onNews);
  socket.onState((state) => {
    if (state === "open") subscribe().catch(failed);
    else if (state !== "closed") page.onState(state === "waiting" ? "offline" : "connecting");
  });
  const timer = setInterval(() => look().catch(failed), WAIT * 1000);
  return {
    call: (method, parameters) => socket.call(method, parameters),
    stop() {
      clearInterval(timer);
      socket.close();
    },
  };
}
