// The conversation: one turn per message, each brought to its latest state.

import { Card, element } from "./card.js";
import { strings } from "./strings.js";

const NEAR = 100;
const ABOVE = 8;
const UNDO = 10_000;

export class Chat {
  constructor({ scroll, log, status, viewer, press, changed }) {
    this.scroll = scroll;
    this.log = log;
    this.status = status;
    this.viewer = viewer;
    this.press = press;
    this.changed = changed;
    this.turns = new Map();
    this.away = new Map();
    this.following = true;
    this.last = 0;
    scroll.addEventListener("scroll", () => this.scrolled());
    const resized = new ResizeObserver(() => this.follow());
    for (const each of [scroll, log]) resized.observe(each);
  }

  get size() {
    return this.turns.size;
  }

  /** Show the person's words at once, before the bot has answered. */
  sent(id, { text, image }) {
    const turn = this.add(id);
    turn.words.textContent = text;
    turn.words.hidden = false;
    if (image) turn.words.prepend(element("img", { className: "sent", src: image, alt: strings.attached }));
    turn.element.classList.add("sending");
    this.follow(true);
  }

  /** Bring a turn to what the bot says, unless that is older than what stands there. */
  apply(entry) {
    if (entry.deleted) return this.turns.has(entry.message) && this.remove(entry.message);
    const turn = this.turns.get(entry.message) ?? this.add(entry.message, this.after(entry.job));
    // Each run of the server counts its versions anew.
    if (entry.run === turn.run && entry.version <= turn.version) return;
    [turn.run, turn.version] = [entry.run, entry.version];
    turn.job = entry.job;
    turn.element.dataset.job = entry.job;
    turn.element.classList.remove("sending");
    if (turn.words.hidden && entry.words) {
      turn.words.textContent = entry.words;
      turn.words.hidden = false;
    }
    if (turn.card.show(entry)) this.announce(entry.reply);
    this.follow();
  }

  /** Show the answer to a command that makes no job. */
  answered(id, reply) {
    const turn = this.turns.get(id);
    turn.element.classList.remove("sending");
    turn.card.show({ reply: { ...reply, private: true } });
    if (reply.private || !reply.images.length) turn.card.dismissible(() => this.remove(id));
    this.announce(reply);
    this.follow(true);
  }

  /** Say next to the person's words why they were not taken. */
  refused(id, sentence, putBack) {
    const turn = this.turns.get(id);
    turn.element.classList.remove("sending");
    const again = element("button", { type: "button", className: "quiet", title: strings.again, textContent: "↩" });
    again.setAttribute("aria-label", strings.again);
    again.addEventListener("click", () => {
      putBack();
      this.remove(id);
    });
    const error = element("p", { className: "error" }, element("span", { textContent: sentence }), again);
    turn.words.after(error);
    this.announce({ text: sentence });
    this.follow(true);
  }

  /** Show a private reply under a card until it is dismissed. */
  notice(card, reply) {
    card.notice(reply);
    this.announce(reply);
  }

  /** Go from card to card, the newest one first. */
  walk(by) {
    const cards = [...this.log.querySelectorAll(".turn > .card:not([hidden])")];
    const now = cards.findIndex((card) => card.contains(document.activeElement));
    const next = now < 0 ? cards.at(-1) : cards[now + by];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  /** The card that shows a job; a new one at the end where it is not on the page. */
  cardOf(job) {
    const turn = [...this.turns.values()].find((each) => each.job === job) ?? this.add(`about-${job}-${this.size}`);
    return turn.card;
  }

  /** Put a turn away for a while, with a way back; after that `commit` deletes its job for good. */
  putAway(card, commit) {
    const [id, turn] = [...this.turns].find(([, { card: each }]) => each === card);
    const undo = element("button", { type: "button", className: "quiet", textContent: strings.undo });
    const line = element("p", { className: "away", role: "status" }, element("span", { textContent: strings.deleted }), undo);
    const away = { commit, timer: setTimeout(() => this.deleteNow(id), UNDO) };
    this.away.set(id, away);
    turn.element.classList.add("gone");
    turn.element.append(line);
    undo.addEventListener("click", () => {
      clearTimeout(away.timer);
      this.away.delete(id);
      turn.element.classList.remove("gone");
      line.remove();
    });
    undo.focus();
  }

  deleteNow(id) {
    const { commit, timer } = this.away.get(id);
    clearTimeout(timer);
    this.away.delete(id);
    this.remove(id);
    commit();
  }

  /** The page ends: what was put away is deleted now. */
  end() {
    for (const id of [...this.away.keys()]) this.deleteNow(id);
  }

  prepend(entries) {
    const height = this.scroll.scrollHeight;
    this.following = false;
    for (const entry of entries) this.apply(entry);
    this.scroll.scrollTop += this.scroll.scrollHeight - height;
  }

  add(id, before = null) {
    const words = element("p", { className: "words", hidden: true });
    const card = new Card({ press: (action) => this.press(action, card), enlarge: (image) => this.enlarge(image) });
    const turn = element("article", { className: "turn" }, words, card.element);
    this.log.insertBefore(turn, before);
    this.turns.set(id, { element: turn, words, card, run: "", version: 0, job: null });
    return this.turns.get(id);
  }

  /** The turn of the next larger job: history may bring older ones after newer ones. */
  after(job) {
    const later = [...this.turns.values()].filter((turn) => turn.job > job);
    later.sort((one, other) => one.job - other.job);
    return later[0]?.element ?? null;
  }

  /** Take away every turn that showed a job. */
  forget() {
    for (const [id, turn] of [...this.turns]) if (turn.job) this.remove(id);
  }

  remove(id) {
    this.turns.get(id)?.element.remove();
    this.turns.delete(id);
    this.changed();
  }

  /** Open a picture among all that are seen here. */
  enlarge(image) {
    const all = [...this.turns.values()].flatMap(({ card }) => card.pictures);
    this.viewer.open(all.includes(image) ? all : [image], image);
  }

  announce(reply) {
    this.status.textContent = reply.text;
  }

  /** Where the newest turn is seen whole, or from its beginning where it is higher than the window. */
  goal() {
    const { scrollHeight, clientHeight } = this.scroll;
    const newest = this.log.lastElementChild;
    const top = newest ? newest.offsetTop - this.scroll.offsetTop - ABOVE : Infinity;
    return Math.max(0, Math.min(scrollHeight - clientHeight, top));
  }

  /** Who scrolls away looks at something else; who comes back to the newest turn follows again. */
  scrolled() {
    const { scrollTop } = this.scroll;
    const away = scrollTop - this.goal();
    if (Math.abs(away) <= NEAR) this.following = true;
    // Further up or further down a turn that is higher than the window; else what grew has moved the goal.
    else if (away > 0 || scrollTop < this.last) this.following = false;
    this.last = scrollTop;
  }

  /** Keep the newest turn in view, unless the person has scrolled away from it. */
  follow(always = false) {
    this.following ||= always;
    if (!this.following) return;
    this.scroll.scrollTop = this.goal();
    this.last = this.scroll.scrollTop;
  }
}
