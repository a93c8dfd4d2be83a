// The page: puts chat, composer and connection together.

import { Brush } from "./brush.js";
import { chip, element } from "./card.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { ask, follow, messageId } from "./net.js";
import { Commands } from "./commands.js";
import { show } from "./dialogs.js";
import { Gallery } from "./gallery.js";
import { Leaving } from "./leaving.js";
import { Optimizer } from "./optimize.js";
import { Viewer } from "./viewer.js";
import { Menu } from "./menu.js";
import { rove } from "./rove.js";
import { strings } from "./strings.js";

const SUGGESTIONS = 6;
const PANELS = new Set(["set", "forget"]);

const byId = (id) => document.getElementById(id);

const composer = new Composer(byId("composer"), send);
const optimizer = new Optimizer(byId("composer"), composer);
const viewer = new Viewer(byId("viewer"), (action) => {
  if (byId("gallery").open) byId("gallery").close();
  return press(action, chat.cardOf(action.job));
}, (picture) => brush.open(picture));
const brush = new Brush(byId("brush"), (image, mask) => {
  if (byId("gallery").open) byId("gallery").close();
  composer.attached(image, mask);
  composer.text.focus();
});
const gallery = new Gallery(byId("gallery"), viewer);
const chat = new Chat({ scroll: byId("scroll"), log: byId("log"), status: byId("status"), viewer, press, changed: welcome });
const commands = new Commands(byId("commands"), composer, (text) => send({ text }));
const menu = new Menu(byId("menu"), {
  gallery: () => gallery.open(),
  settings: () => send({ text: "/settings" }),
  help: () => send({ text: "/help" }),
  keys: () => show(byId("keys")),
});
const leaving = new Leaving(byId("leaving"));
let before; // the number that earlier jobs are below, undefined before the first answer

for (const id of ["suggestions", "places", "rewriting", "additions"]) rove(byId(id));
byId("earlier").addEventListener("click", earlier);
addEventListener("keydown", shortcut);
byId("about").addEventListener("toggle", choices);
addEventListener("pagehide", () => chat.end());
greet();
follow({
  leaves: () => !leaving.keeps,
  changed: (entry) => apply(entry),
  opened: () => {
    byId("connection").hidden = true;
    restore();
  },
  lost: () => byId("connection").hidden && trouble(strings.reconnecting),
});

function shortcut(event) {
  const { target, key, altKey } = event;
  const by = altKey && { ArrowUp: -1, ArrowDown: 1 }[key];
  if (by && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    return chat.walk(by);
  }
  if (target.matches("input, textarea, select") || document.querySelector("dialog[open]")) return;
  if (event.ctrlKey || event.metaKey || altKey) return;
  const does = { "/": () => composer.text.focus(), g: () => gallery.open(), m: () => menu.open(), "?": () => show(byId("keys")) }[key];
  if (!does) return;
  event.preventDefault();
  does();
}

async function choices({ newState }) {
  if (newState !== "open") return;
  const { models } = await ask("api/models");
  const drawing = models.filter(({ does }) => does === "draws");
  const rows = drawing.map(({ name, size, cards, is_here }) => {
    const whole = Object.keys(cards).find((card) => cards[card] === "whole");
    const row = element("tr");
    const cells = [name, `${(size / 1e9).toFixed(1)} GB`, whole ?? "–", is_here ? "✓" : "–"];
    row.append(...cells.map((text) => element("td", {}, text)));
    return row;
  });
  const table = byId("about").querySelector("table");
  table.tBodies[0].replaceChildren(...rows);
  table.hidden = !rows.length;
}

function trouble(sentence) {
  byId("connection").textContent = sentence;
  byId("connection").hidden = false;
}

async function greet() {
  const hello = await retried(() => ask("api/hello"));
  composer.defaults(hello.defaults, hello.choices);
  commands.all = hello.commands;
  composer.offer(hello.loras);
  menu.offer(hello.languages);
  composer.restore();
  composer.text.focus();
  composer.largest = hello.largest_picture;
  viewer.paints.hidden = !hello.inpaints;
  byId("model").textContent = hello.name;
  byId("world").textContent = hello.world;
  byId("about").querySelector("p").textContent = `${hello.world} ${strings.any_model}`.trim();
  byId("suggestions").replaceChildren(
    ...hello.suggestions.slice(0, SUGGESTIONS).map((text) => chip(text, () => send(composer.message(text)))),
  );
}

async function restore() {
  optimizer.check();
  const latest = await retried(() => ask("api/history"));
  if (before === undefined) reach(latest);
  for (const entry of latest.messages) chat.apply(entry);
  if (!latest.messages.length && latest.more && !chat.size) await earlier();
  welcome();
  document.body.dataset.ready = "true";
}

async function earlier() {
  const older = await retried(() => ask(`api/history?before=${before}`));
  reach(older);
  chat.prepend(older.messages);
  if (!older.messages.length && older.more) await earlier();
}

function reach(history) {
  before = history.before;
  byId("earlier").hidden = !history.more;
}

function apply(entry) {
  if (optimizer.apply(entry)) return;
  chat.apply(entry);
  welcome();
  if (!entry.reply.final && !entry.deleted) leaving.warn();
}

function welcome() {
  byId("welcome").hidden = chat.size > 0;
}

/** Send words; what was typed stands in the chat at once. */
async function send(message, draft = { text: message.text }) {
  const id = messageId();
  byId("welcome").hidden = true;
  chat.sent(id, message);
  try {
    const answer = await ask("api/messages", { ...message, message: id });
    if (answer.reply) chat.answered(id, leaving.added(answer.reply));
  } catch (error) {
    chat.refused(id, error.message, () => {
      composer.fill(draft);
      if (message.image) composer.attached(message.image, message.mask);
    });
  }
}

/** Press a button of a card; what it says privately stands under that card, or in it where it is a panel. */
async function press(action, card) {
  const { verb, job, index, value } = action;
  if (verb === "say") return send(composer.message(value));
  if (verb === "keep") return leaving.keep(value === "on");
  if (verb === "delete") return chat.putAway(card, () => remove(action));
  try {
    const answer = await ask(`api/jobs/${job}/actions`, { verb, index, value, message: messageId() });
    if (answer.job && answer.job !== job) chat.follow(true); // to what the press has begun
    if (answer.draft) await composer.edit(answer.draft);
    else if (PANELS.has(verb) && answer.reply) await turned(verb, answer.reply, card);
    else if (verb === "favourite") chat.announce(answer.reply);
    else if (answer.reply) chat.notice(card, answer.reply);
    return true;
  } catch (error) {
    chat.notice(card, { text: error.message, actions: [], images: [], error: true });
  }
}

/** Delete a job's pictures for good, even while the page ends. */
function remove({ verb, job, index }) {
  const body = JSON.stringify({ verb, index, message: messageId() });
  fetch(`api/jobs/${job}/actions`, { method: "POST", headers: { "Content-Type": "application/json" }, body, keepalive: true })
    .catch(() => trouble(strings.unreachable));
}

/** A panel says what its press came to; the controls and the conversation follow. */
async function turned(verb, reply, card) {
  card.show({ reply: leaving.added(reply) });
  if (verb === "set") {
    const { defaults, choices } = await ask("api/hello");
    composer.defaults(defaults, choices);
  }
  else if ((await ask("api/history")).messages.length === 0) chat.forget();
}

async function retried(question) {
  for (let wait = 500; ; wait = Math.min(wait * 2, 15000)) {
    try {
      const answer = await question();
      if (wait > 500) byId("connection").hidden = true;
      return answer;
    } catch (error) {
      trouble(error.message);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
