// The commands, offered while one types a slash.

import { element } from "./card.js";

export class Commands {
  /** `run(text)` sends a command that is whole. */
  constructor(list, composer, run) {
    this.list = list;
    this.composer = composer;
    this.text = composer.text;
    this.run = run;
    this.all = [];
    this.text.addEventListener("input", () => this.offer());
    this.text.addEventListener("blur", () => this.close());
    this.text.addEventListener("keydown", (event) => this.key(event), true);
    list.addEventListener("pointerdown", (event) => event.preventDefault()); // the text keeps the focus
  }

  offer() {
    const typed = this.text.value.toLowerCase();
    const fitting = /^\/\S*$/.test(typed) ? this.all.filter(({ word }) => word.startsWith(typed)) : [];
    this.list.replaceChildren(...fitting.map((command, number) => this.option(command, number)));
    this.list.hidden = !fitting.length;
    this.choose(0);
  }

  option(command, number) {
    const parts = [element("b", { textContent: command.word }), element("span", { textContent: command.meaning })];
    const option = element("li", { id: `command-${number}`, role: "option" }, ...parts);
    option.addEventListener("click", () => this.take(command));
    option.command = command;
    return option;
  }

  choose(number) {
    const options = [...this.list.children];
    this.chosen = options.at(number % options.length);
    for (const option of options) option.ariaSelected = String(option === this.chosen);
    this.chosen?.scrollIntoView({ block: "nearest" });
    if (this.chosen) this.text.setAttribute("aria-activedescendant", this.chosen.id);
    else this.text.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (this.list.hidden || event.isComposing) return;
    const now = [...this.list.children].indexOf(this.chosen);
    const does = {
      ArrowDown: () => this.choose(now + 1),
      ArrowUp: () => this.choose(now - 1),
      Tab: () => this.take(this.chosen.command),
      Enter: () => this.take(this.chosen.command),
      Escape: () => this.close(),
    }[event.key];
    if (!does || event.shiftKey) return;
    event.preventDefault();
    does();
  }

  take({ word, whole }) {
    this.composer.fill({ text: whole ? "" : `${word} ` });
    if (whole) this.run(word);
  }

  close() {
    this.list.hidden = true;
    this.choose(0);
  }
}
