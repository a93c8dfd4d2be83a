// Closing the page cancels what is still being drawn there: said once beforehand, and can be switched off.

import { strings } from "./strings.js";

const KEEP = "keep-drawing";
const WARNED = "warned-of-leaving";

export class Leaving {
  /** `line` holds the warning and two buttons: keep drawing, and understood. */
  constructor(line) {
    this.line = line;
    const [keep, understood] = line.querySelectorAll("button");
    keep.addEventListener("click", () => this.keep(true));
    understood.addEventListener("click", () => this.keep(false));
  }

  get keeps() {
    return localStorage[KEEP] === "on";
  }

  /** Something is being drawn. */
  warn() {
    this.line.hidden = Boolean(localStorage[WARNED]);
  }

  keep(keeps) {
    localStorage[KEEP] = keeps ? "on" : "off";
    localStorage[WARNED] = "yes";
    this.line.hidden = true;
  }

  /** Return the settings with this one among them; any other reply stays as it is. */
  added(reply) {
    if (!reply.choices.length) return reply;
    const option = (value) => ({ verb: "keep", value, chosen: this.keeps === (value === "on") });
    const choice = { name: "keep", label: strings.keep, toggle: true, options: [option("off"), option("on")] };
    return { ...reply, choices: [...reply.choices, choice] };
  }
}
