// A picture in full size, with the ones before and after it, its buttons, and its prompt and seed to copy.

import { Card } from "./card.js";
import { show } from "./dialogs.js";
import { ask, here } from "./net.js";
import { rove, UPRIGHT } from "./rove.js";
import { strings } from "./strings.js";

const SWIPE = 60;
const COPIED = 1500;
const PICKED = {
  upscale: { emoji: "⬆️", label: strings.upscale },
  vary: { emoji: "✨", label: strings.vary },
};

export class Viewer {
  constructor(dialog, press, paint) {
    this.dialog = dialog;
    this.press = press;
    const find = (selector) => dialog.querySelector(selector);
    this.large = find("#large");
    this.words = find("#shown");
    this.actions = find("#does");
    this.download = find("#download");
    this.previous = find("#previous");
    this.next = find("#next");
    this.previous.addEventListener("click", () => this.step(-1));
    this.next.addEventListener("click", () => this.step(1));
    this.paints = find("#paint");
    this.paints.addEventListener("click", () => {
      this.dialog.close();
      paint(this.picture);
    });
    find("#copy-prompt").addEventListener("click", (event) => this.copyPrompt(event.target));
    find("#copy-seed").addEventListener("click", (event) => copy(event.target, this.picture.seed));
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    for (const group of [this.actions, dialog.querySelector(".bar")]) rove(group, () => UPRIGHT);
    dialog.addEventListener("keydown", (event) => {
      if (event.key === "ArrowLeft") this.step(-1);
      if (event.key === "ArrowRight") this.step(1);
    });
    this.large.addEventListener("pointerdown", (event) => (this.from = event.clientX));
    this.large.addEventListener("pointerup", (event) => {
      const way = event.clientX - this.from;
      if (Math.abs(way) > SWIPE) this.step(way > 0 ? -1 : 1);
    });
  }

  /** Show one of some pictures. */
  open(pictures, picture) {
    this.pictures = pictures;
    this.show(picture);
    if (!this.dialog.open) show(this.dialog);
  }

  step(by) {
    const other = this.pictures[this.pictures.indexOf(this.picture) + by];
    if (other) this.show(other);
  }

  async show(picture) {
    this.picture = picture;
    const { large } = this;
    const place = this.pictures.indexOf(picture);
    [large.src, large.alt, large.width, large.height] = [here(picture.url), picture.alt, picture.width, picture.height];
    // Small pictures fill the screen up to four times their size, large ones shrink to fit.
    large.style.setProperty("--width", `${picture.width * 4}px`);
    large.style.setProperty("--ratio", picture.width / picture.height);
    this.words.textContent = picture.alt;
    Object.assign(this.download, { href: here(picture.url), download: speaking(picture) });
    this.previous.disabled = !place;
    this.next.disabled = place === this.pictures.length - 1;
    this.actions.replaceChildren();
    if (picture.job) await this.offer(picture);
  }

  /** Show the buttons of the picture's job; those for one of several pictures only where they are this one's. */
  async offer(picture) {
    const { reply } = await ask(`api/jobs/${picture.job}/message`);
    if (this.picture !== picture) return;
    const card = new Card({ press: (action) => this.do(action), enlarge: () => {} });
    const isPick = ({ label }) => /^[UV]\d$/.test(label);
    const fitting = reply.actions.flat().filter((action) => !isPick(action) || action.index === picture.index);
    // "U3" stands for nothing where the grid is not seen.
    const named = fitting.map((action) => (isPick(action) ? { ...action, ...PICKED[action.verb] } : action));
    this.actions.replaceChildren(...named.map((action) => card.button(action)));
  }

  async do(action) {
    this.dialog.close();
    await this.press(action);
  }

  async copyPrompt(button) {
    const { used_prompt: used, prompt } = await ask(`api/jobs/${this.picture.job}`);
    await copy(button, used || prompt);
  }
}

/** Copy a text, and say so on the button. (navigator.clipboard exists only on https and localhost.) */
async function copy(button, text) {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else {
    const area = Object.assign(document.createElement("textarea"), { value: text });
    button.after(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.dataset.label ??= button.textContent;
  button.textContent = strings.copied;
  setTimeout(() => (button.textContent = button.dataset.label), COPIED);
}

/** A file name that says what is in the picture. */
function speaking({ alt, file }) {
  const words = alt.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60);
  return [words, file].filter(Boolean).join("-");
}
