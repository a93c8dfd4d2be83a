// One's pictures as a grid, searched and filtered by the bot.

import { element } from "./card.js";
import { show } from "./dialogs.js";
import { ask, here } from "./net.js";
import { rove } from "./rove.js";
import { strings } from "./strings.js";

const PAUSE = 250;
const DAY = 86_400;

export class Gallery {
  constructor(dialog, viewer) {
    this.dialog = dialog;
    this.viewer = viewer;
    this.form = dialog.querySelector("form");
    this.grid = dialog.querySelector("#pictures");
    this.none = dialog.querySelector("#none");
    this.more = dialog.querySelector("#older");
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.search(), PAUSE);
    });
    dialog.querySelector("#leave").addEventListener("click", () => dialog.close());
    this.more.addEventListener("click", () => this.load());
    new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && this.load()).observe(this.more);
    rove(this.grid, () => {
      const across = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
      return { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across };
    });
  }

  open() {
    show(this.dialog);
    // On a touch screen a focused field would cover half of the pictures with a keyboard.
    if (matchMedia("(pointer: coarse)").matches) this.dialog.querySelector("#leave").focus();
    this.search();
  }

  search() {
    this.before = undefined;
    this.pictures = [];
    this.grid.replaceChildren();
    this.load();
  }

  async load() {
    if (this.before === null || this.loading) return;
    const { words, shape, days, favourite } = this.form.elements;
    const query = new URLSearchParams({ words: words.value, shape: shape.value });
    if (days.value) query.set("since", Math.floor(Date.now() / 1000 - days.value * DAY));
    if (favourite.checked) query.set("favourite", "1");
    if (this.before) query.set("before", this.before);
    this.loading = query.toString();
    try {
      const { pictures, before } = await ask(`api/gallery?${query}`);
      this.before = before;
      this.pictures.push(...pictures);
      this.grid.append(...pictures.map((picture) => this.item(picture)));
      this.more.hidden = before === null;
      this.none.hidden = this.pictures.length > 0;
      this.none.textContent = strings.none;
    } catch (error) {
      this.none.hidden = false;
      this.none.textContent = error.message;
    } finally {
      this.loading = "";
    }
  }

  item(picture) {
    const { small, alt, width, height, job, favourite } = picture;
    const img = element("img", { src: here(small), alt, width, height, loading: "lazy" });
    const button = element("button", { type: "button", className: "picture" }, img);
    button.setAttribute("aria-label", `#${job} ${alt}`);
    button.dataset.star = favourite ? "★" : "";
    button.addEventListener("click", () => this.viewer.open(this.pictures, picture));
    return element("li", {}, button);
  }
}
