// The Optimize button: the words in the box become a precise prompt, which can be undone or worded otherwise.

import { ask, messageId } from "./net.js";
import { strings } from "./strings.js";

const BOX = "page-box-";

export class Optimizer {
  constructor(form, composer) {
    this.composer = composer;
    const find = (selector) => form.querySelector(selector);
    this.button = find("#optimize");
    this.line = find("#optimized");
    this.note = this.line.querySelector("p");
    this.undo = find("#undo");
    this.reword = find("#reword");
    this.stop = find("#stop");
    this.before = null; // the draft with the person's own words
    this.message = ""; // the one whose answer is awaited
    this.job = null;
    this.others = false; // whether there are other wordings
    this.button.addEventListener("click", () => this.start());
    this.reword.addEventListener("click", () => this.again());
    this.undo.addEventListener("click", () => this.back());
    this.stop.addEventListener("click", () => this.cancel());
    composer.text.addEventListener("input", () => this.refresh());
    composer.text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !event.altKey || event.isComposing) return;
      event.preventDefault();
      this.start();
    });
    this.refresh();
  }

  /** The text as a prompt, empty where it is a command. */
  get words() {
    const text = this.composer.text.value.trim().replace(/^\/imagine\s+/, "");
    return text.startsWith("/") ? "" : text;
  }

  async start() {
    if (!this.words || this.message) return;
    if (!this.composer.rewritten) this.before = this.composer.draft();
    const { text, controls } = this.composer.message(`/optimize ${this.words}`);
    await this.asked((message) => ask("api/messages", { text, controls, message }));
  }

  async again() {
    await this.asked((message) => ask(`api/jobs/${this.job}/actions`, { verb: "another", message }));
  }

  async asked(question) {
    const message = (this.message = BOX + messageId());
    this.sent = this.composer.text.value;
    this.say(strings.optimizing);
    try {
      const { job } = await question(message);
      if (this.message === message) this.job = job;
    } catch (error) {
      this.end(error.message, true);
    }
  }

  /** Take a change of an answer for the box; returns whether it was one. */
  apply(entry) {
    if (!entry.message.startsWith(BOX)) return false;
    if (entry.message === this.message) this.take(entry.job, entry.reply);
    return true;
  }

  async take(job, { text, note, final, actions }) {
    this.job = job;
    if (!final) return this.say(text);
    const verbs = actions.flat().map((action) => action.verb);
    if (!verbs.includes("use")) return this.end(text, true);
    const { draft } = await ask(`api/jobs/${job}/actions`, { verb: "edit", message: messageId() });
    if (!this.message) return; // stopped meanwhile
    this.end([text, note].filter(Boolean).join("\n"));
    this.others = verbs.includes("another");
    this.composer.fill(draft);
  }

  /** After a lost connection: what was awaited may have come meanwhile. */
  async check() {
    if (!this.message || !this.job) return;
    const { state, error } = await ask(`api/jobs/${this.job}`);
    if (["queued", "running"].includes(state)) return;
    const verb = state === "finished" || state === "delivered" ? "use" : "";
    this.take(this.job, { text: error || "", note: "", final: true, actions: [[{ verb }]] });
  }

  back() {
    const { before } = this;
    this.before = null;
    this.line.hidden = true;
    this.composer.fill(before);
  }

  /** Await nothing any more. */
  cancel() {
    const { job } = this;
    this.end("");
    if (job) ask(`api/jobs/${job}/actions`, { verb: "cancel", message: messageId() }).catch(() => {});
    this.composer.text.focus();
  }

  say(sentence) {
    this.line.hidden = false;
    this.note.textContent = sentence;
    this.note.classList.remove("error");
    this.refresh();
  }

  end(sentence, isProblem = false) {
    this.message = "";
    this.note.textContent = sentence;
    this.note.classList.toggle("error", isProblem);
    this.line.hidden = !sentence;
    this.refresh();
  }

  refresh() {
    const { composer } = this;
    if (this.message && composer.text.value !== this.sent) return this.cancel(); // other words by now
    if (!this.message && !composer.text.value) this.line.hidden = true;
    if (!composer.text.value) composer.rewritten = false;
    this.button.disabled = !this.words || Boolean(this.message);
    this.button.ariaBusy = String(Boolean(this.message));
    this.stop.hidden = !this.message;
    this.undo.hidden = !composer.rewritten || !this.before || Boolean(this.message);
    this.reword.hidden = this.undo.hidden || !this.others;
  }
}
