// One answer of the bot: its pictures, words, progress and buttons, changed in place so that focus stays.

import { here } from "./net.js";
import { rove } from "./rove.js";
import { strings } from "./strings.js";

const SHOWN = 512;
const SMALLEST = 384;
const TICK = 5000;

const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });

export class Card {
  constructor({ press, enlarge }) {
    this.press = press;
    this.enlarge = enlarge;
    this.stage = "";
    this.drawn = "";
    this.buttons = "";
    this.pictures = []; // that can be enlarged
    this.frame = element("div", { className: "frame", hidden: true });
    this.frame.dataset.cover = strings.reveal;
    this.parent = element("a", { className: "parent", hidden: true });
    this.text = element("p", { className: "text" });
    this.number = element("span", { className: "number" });
    this.star = element("button", { type: "button", className: "star", title: strings.favourite });
    this.star.setAttribute("aria-label", strings.favourite);
    this.star.addEventListener("click", () => this.toggleStar());
    this.head = element("div", { className: "head" }, this.text, this.number, this.star);
    this.eta = element("p", { className: "eta", hidden: true });
    this.bar = element("progress", { hidden: true });
    this.bar.setAttribute("aria-label", strings.progress);
    this.prompt = element("blockquote", { hidden: true });
    this.suggestions = element("ul", { className: "suggestions", hidden: true });
    this.rest = element("p", { className: "rest", hidden: true });
    this.note = element("p", { className: "note", hidden: true });
    this.choices = element("div", { className: "choices", hidden: true });
    this.actions = element("div", { className: "actions", role: "toolbar", hidden: true });
    this.actions.setAttribute("aria-label", strings.actions);
    for (const group of [this.frame, this.suggestions, this.actions]) rove(group);
    const parts = [this.parent, this.head, this.suggestions, this.rest, this.eta, this.bar, this.prompt, this.note, this.choices, this.actions];
    const body = element("div", { className: "body" }, ...parts);
    this.element = element("div", { className: "card", hidden: true, tabIndex: -1 }, this.frame, body);
  }

  /** Look like the entry; returns whether its sentence is a new one, worth saying aloud. */
  show(entry) {
    const { reply, parent } = entry;
    this.element.hidden = false;
    this.element.dataset.progress = reply.progress ? "true" : "false";
    this.showParent(parent);
    this.showJob(entry);
    this.showText(reply.text, reply.suggestions ?? []);
    put(this.prompt, reply.prompt);
    put(this.note, reply.note);
    this.showEta(reply.eta);
    this.bar.hidden = !reply.progress;
    if (reply.progress) [this.bar.value, this.bar.max] = reply.progress;
    this.showImages(entry);
    this.showChoices(reply.choices ?? []);
    this.showActions(reply.actions);
    const stage = reply.progress ? "drawing" : reply.text;
    const changed = stage !== this.stage;
    this.stage = stage;
    return changed;
  }

  /** Show the job's number, and once there are pictures, whether it is a favourite. */
  showJob({ job, favourite, reply }) {
    this.job = job;
    put(this.number, job && `#${job}`);
    this.star.hidden = !job || !reply.final || !reply.images.length;
    this.showStar(favourite);
  }

  showStar(favourite) {
    this.star.ariaPressed = String(Boolean(favourite));
    this.star.textContent = favourite ? "★" : "☆";
  }

  async toggleStar() {
    const favourite = this.star.ariaPressed !== "true";
    this.showStar(favourite);
    const kept = await this.press({ verb: "favourite", job: this.job, index: 0, value: favourite ? "on" : "off" });
    if (!kept) this.showStar(!favourite);
  }

  /** Say when a waiting picture is expected, for as long as it waits. */
  showEta(eta) {
    clearTimeout(this.ticking);
    this.eta.hidden = !eta;
    if (!eta) return;
    const seconds = Math.max(1, Math.round(eta - Date.now() / 1000));
    const when = seconds < 90 ? relative.format(seconds, "second") : relative.format(Math.ceil(seconds / 60), "minute");
    this.eta.textContent = strings.expected.replace("{when}", when);
    this.ticking = setTimeout(() => this.showEta(eta), TICK);
  }

  /** Show a text and the prompts to draw instead as buttons: in place of a list of them in it, or below it. */
  showText(text, prompts) {
    const [before, after] = prompts.length ? text.split(prompts.join(" / ")) : [text];
    put(this.text, before.trimEnd());
    put(this.rest, after?.replace(/^[.。]\s*/, ""));
    this.suggestions.hidden = !prompts.length;
    this.suggestions.replaceChildren(...prompts.map((each) => chip(each, () => this.press({ verb: "say", value: each }))));
  }

  /** Show settings: a switch for each one of two states, a list for the rest. */
  showChoices(choices) {
    this.choices.hidden = !choices.length;
    const focused = document.activeElement?.closest?.("[data-choice]")?.dataset.choice;
    this.choices.replaceChildren(...choices.map((choice) => (choice.toggle ? this.toggle(choice) : this.select(choice))));
    if (focused) this.choices.querySelector(`[data-choice="${focused}"] :is(input, select)`)?.focus();
  }

  toggle({ name, label, options: [off, on] }) {
    const input = element("input", { type: "checkbox", role: "switch", checked: on.chosen });
    input.addEventListener("change", () => this.press(input.checked ? on : off));
    const row = element("label", { className: "choice switch" }, element("span", { textContent: label }), input);
    row.dataset.choice = name;
    return row;
  }

  select({ name, label, options }) {
    const items = options.map((option) => element("option", { textContent: option.label, selected: option.chosen }));
    const list = element("select", {}, ...items);
    list.addEventListener("change", () => this.press(options[list.selectedIndex]));
    const row = element("label", { className: "choice" }, element("span", { textContent: label }), list);
    row.dataset.choice = name;
    return row;
  }

  showParent(job) {
    this.parent.hidden = !job;
    if (!job) return;
    this.parent.textContent = `↳ ${strings.from.replace("{job}", job)}`;
    this.parent.href = "#";
    this.parent.onclick = (event) => {
      event.preventDefault();
      document.querySelector(`[data-job="${job}"]`)?.scrollIntoView({ block: "center" });
    };
  }

  showImages({ reply, width, height }) {
    const { images } = reply;
    const drawn = images.map((image) => image.url).join(" ");
    const preview = Boolean(reply.progress);
    this.frame.hidden = !images.length;
    this.frame.classList.toggle("preview", preview);
    this.frame.classList.toggle("several", images.length > 1);
    this.frame.classList.toggle("thumbnails", Boolean(images[0]?.small));
    this.frame.classList.toggle("covered", Boolean(reply.spoiler) && !this.uncovered);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.pictures = preview ? [] : images;
    if (preview && this.frame.firstChild?.tagName === "IMG") {
      this.frame.firstChild.src = here(images[0].url);
      return;
    }
    this.frame.replaceChildren(...images.map((image) => (preview ? this.preview(image, width, height) : this.picture(image))));
    const first = images[0];
    if (first) {
      const shown = fit(preview ? width : first.width, preview ? height : first.height);
      const rows = Math.ceil(images.length / 2);
      this.frame.style.setProperty("--across", `${images.length > 1 ? SHOWN : shown.width}px`);
      this.frame.style.setProperty("--ratio", (shown.width / shown.height) * (images.length > 1 ? 2 / rows : 1));
    }
  }

  preview(image, width, height) {
    return element("img", { src: here(image.url), alt: image.alt, ...fit(width, height) });
  }

  picture(image) {
    const img = element("img", { src: here(image.small ?? image.url), alt: image.alt, ...fit(image.width, image.height) });
    const button = element("button", { type: "button", className: "picture", title: strings.enlarge }, img);
    button.setAttribute("aria-label", `${strings.enlarge}: ${image.alt || image.file}`);
    button.addEventListener("click", () => (this.uncover() ? undefined : this.enlarge(image)));
    return button;
  }

  /** Show what was covered; returns whether anything was. */
  uncover() {
    this.uncovered = true;
    const covered = this.frame.classList.contains("covered");
    this.frame.classList.remove("covered");
    return covered;
  }

  showActions(rows) {
    const buttons = JSON.stringify(rows);
    if (buttons === this.buttons) return;
    const focused = this.actions.contains(document.activeElement);
    this.buttons = buttons;
    this.actions.hidden = !rows.length;
    this.actions.replaceChildren(...rows.map((row) => element("div", { className: "row" }, ...row.map((each) => this.button(each)))));
    if (focused) this.actions.querySelector("button")?.focus();
  }

  button(action) {
    const parts = [action.emoji && element("span", { className: "emoji", textContent: action.emoji, ariaHidden: "true" })];
    if (action.label) parts.push(element("span", { textContent: action.label }));
    const button = element("button", { type: "button", className: "action" }, ...parts.filter(Boolean));
    button.dataset.verb = action.verb;
    button.dataset.index = action.index;
    if (action.value) button.dataset.value = action.value;
    button.title = action.hint || action.label || action.verb;
    if (!action.label) button.setAttribute("aria-label", button.title);
    button.addEventListener("click", async () => {
      button.disabled = true;
      await this.press(action);
      button.disabled = false;
    });
    return button;
  }

  /** Show a private reply under the card, in place of an earlier one. */
  notice(reply) {
    this.element.querySelector(".notice")?.remove();
    const inner = new Card({ press: this.press, enlarge: this.enlarge });
    inner.show({ reply });
    inner.element.classList.add("notice");
    inner.element.classList.toggle("problem", Boolean(reply.error));
    inner.dismissible(() => inner.element.remove());
    this.element.append(inner.element);
    inner.element.scrollIntoView({ block: "nearest" });
  }

  /** Give the card a button that puts it away. */
  dismissible(gone) {
    const button = element("button", { type: "button", className: "dismiss", title: strings.dismiss, textContent: "✕" });
    button.setAttribute("aria-label", strings.dismiss);
    button.addEventListener("click", gone);
    this.element.prepend(button);
  }
}

/** Make an item of a list of prompts, drawn at a click. */
export function chip(text, draw) {
  const button = element("button", { type: "button", className: "chip", textContent: text });
  button.addEventListener("click", draw);
  return element("li", {}, button);
}

/** Make an element with properties and children. */
export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Show small pictures at least at twice their size, and none larger than the frame. */
function fit(width, height) {
  const longest = Math.max(width, height);
  const factor = Math.min(Math.max(SMALLEST, longest * 2), SHOWN) / longest;
  return { width: Math.round(width * factor), height: Math.round(height * factor) };
}

function put(target, text) {
  target.hidden = !text;
  if (target.textContent !== text) target.textContent = text ?? "";
}
