// The menu: help, settings, gallery and shortcuts; language and theme of this browser.

import { element } from "./card.js";

const A_YEAR = 365 * 24 * 3600;

export class Menu {
  /** `does` maps the names of the menu's buttons to what they do. */
  constructor(panel, does) {
    this.panel = panel;
    for (const button of panel.querySelectorAll("button")) {
      button.addEventListener("click", () => {
        panel.hidePopover();
        does[button.name]();
      });
    }
    this.language = panel.querySelector("#language");
    this.language.addEventListener("change", () => {
      // Without a path the cookie is for this page's own, which a proxy may have put below another one.
      document.cookie = `zimage_language=${this.language.value}; max-age=${A_YEAR}; samesite=lax`;
      location.reload();
    });
    const theme = panel.querySelector("#theme");
    theme.value = document.documentElement.dataset.theme;
    theme.addEventListener("change", () => {
      document.documentElement.dataset.theme = localStorage.theme = theme.value;
    });
  }

  /** Open it by the keyboard. */
  open() {
    this.panel.showPopover();
    this.panel.querySelector("button").focus();
  }

  /** Offer languages, each in its own name. */
  offer(tags) {
    const name = (tag) => new Intl.DisplayNames([tag], { type: "language" }).of(tag.split("-")[0]);
    const options = tags.map((tag) => element("option", { value: tag, textContent: name(tag), lang: tag }));
    this.language.replaceChildren(...options);
    this.language.value = document.documentElement.lang;
  }
}
