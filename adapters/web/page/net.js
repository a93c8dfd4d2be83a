// Talking to the bot: one function per question, and the stream of changes.

import { strings } from "./strings.js";

/** An id for a message of this page. (crypto.randomUUID exists only on https and localhost.) */
export function messageId() {
  return `page-${randomId()}`;
}

function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What the bot calls /api/…, seen from the page, which a proxy may have put below another path. */
export function here(url) {
  return url.replace(/^\//, "");
}

/** Ask the bot; throws an Error whose message is a sentence for the person. */
export async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error(strings.unreachable);
  }
  if (response.status === 401) location.reload(); // to where one enters a token
  // What stands between may answer in its own way, or the connection end in the middle.
  const answer = await response.json().catch(() => null);
  if (!response.ok || !answer) throw new Error(answer?.error ?? explained(response.status));
  return answer;
}

function explained(status) {
  if (status === 413) return strings.too_large_on_the_way;
  return [502, 503, 504].includes(status) ? strings.unreachable : strings.failed;
}

/** Follow the changes: `changed(entry)` for each, `opened()` at every connect, `lost()` at every loss.

When the page is closed, the bot hears of it where `leaves()` says so.
*/
export function follow({ changed, opened, lost, leaves }) {
  let source = null;
  let timer = 0;
  let wait = 1000;
  let page = randomId(); // the server tells open pages apart by it

  function connect() {
    clearTimeout(timer);
    source?.close();
    source = new EventSource(`api/events?page=${page}`);
    source.onopen = () => {
      wait = 1000;
      opened();
    };
    source.onmessage = (event) => changed(JSON.parse(event.data));
    source.onerror = () => {
      source.close();
      lost();
      ask("api/hello").catch(() => {}); // the stream does not say why it ended; this leads to where one enters a token
      timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, 15000);
    };
  }

  addEventListener("pagehide", () => {
    clearTimeout(timer);
    source?.close();
    if (leaves()) navigator.sendBeacon(`api/leave?page=${page}`);
  });
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    page = randomId(); // the one before has said goodbye
    connect();
  });
  addEventListener("online", connect);
  connect();
}
