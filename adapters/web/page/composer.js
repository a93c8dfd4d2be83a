// The text box, the attached picture and the controls; all of it survives a reload.

import { element } from "./card.js";
import { here } from "./net.js";
import { kept, keep } from "./kept.js";
import { strings } from "./strings.js";

const DIGITS = { steps: 0, cfg: 1, strength: 2 };

export class Composer {
  /** `send({text, controls, image?}, draft)` takes what the person sends; `fill(draft)` brings it back. */
  constructor(form, send) {
    this.send = send;
    this.image = null;
    this.mask = null; // what of the image is to be drawn anew
    this.largest = Infinity;
    this.rewritten = false; // by Optimize: it is not done again
    this.standard = null;
    this.saved = JSON.parse(sessionStorage.draft ?? "null");
    const find = (selector) => form.querySelector(selector);
    const parts = ["text", "file", "attachment", "thumbnail", "more", "enhance", "steps", "cfg"];
    for (const id of [...parts, "auto", "aspect", "count", "negative", "seed", "loras", "strength"]) this[id] = find(`#${id}`);
    this.button = find("#send");
    this.box = find(".box");
    this.sliders = [this.steps, this.cfg, this.strength];

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener("keydown", (event) => {
      // During composition Enter chooses a Chinese word; it sends nothing.
      if (event.key !== "Enter" || event.shiftKey || event.altKey || event.isComposing || event.defaultPrevented) return;
      event.preventDefault();
      this.submit();
    });
    form.addEventListener("input", () => this.refresh());
    find("#attach").addEventListener("click", () => this.file.click());
    find("#detach").addEventListener("click", () => this.detach());
    find("#reset").addEventListener("click", () => this.set(this.standard));
    find("#controls").addEventListener("toggle", (event) => event.newState === "open" && this.place(event.target));
    this.file.addEventListener("change", () => this.attach(this.file.files[0]));
    this.text.addEventListener("paste", (event) => {
      const file = [...event.clipboardData.files][0];
      if (!file) return;
      event.preventDefault();
      this.attach(file);
    });
    this.acceptDrops();
    this.refresh();
  }

  /** Offer what may be chosen, as the settings do, and put the controls to the person's own defaults. */
  defaults(controls, choices) {
    for (const { name, options } of choices) {
      if (!["aspect", "count"].includes(name)) continue;
      const items = options.map(({ label, value }) => element("option", { textContent: label, value: value.split("=")[1] }));
      this[name].replaceChildren(...items);
    }
    this.standard = controls;
    this.set(controls);
  }

  /** Offer the LoRA files that are there. */
  offer(loras) {
    this.loras.closest("label").hidden = !loras.length;
    this.loras.list.replaceChildren(...loras.map((value) => element("option", { value })));
  }

  set(controls) {
    this.auto.checked = controls.optimize;
    this.enhance.checked = controls.enhance;
    this.steps.value = controls.steps;
    this.cfg.value = controls.guidance_scale;
    for (const name of ["aspect", "count"]) choose(this[name], String(controls[name]));
    this.negative.value = controls.negative_prompt;
    this.seed.value = controls.seed;
    this.loras.value = controls.loras;
    this.strength.value = controls.strength;
    this.refresh();
  }

  controls() {
    return {
      optimize: this.auto.checked,
      enhance: this.enhance.checked,
      steps: Number(this.steps.value),
      guidance_scale: Number(this.cfg.value),
      aspect: this.aspect.value,
      count: Number(this.count.value),
      negative_prompt: this.negative.value.trim(),
      seed: this.seed.value.trim(),
      loras: this.loras.value.trim(),
      strength: Number(this.strength.value),
    };
  }

  /** What is sent: a text that Optimize wrote is drawn as it stands. */
  message(text) {
    const { aspect, count, ...controls } = this.controls();
    if (aspect) Object.assign(controls, { aspect, count }); // not yet known
    if (this.rewritten) controls.optimize = false;
    return { text, controls, ...(this.image && { image: this.image }), ...(this.mask && { mask: this.mask }) };
  }

  draft() {
    return { text: this.text.value, controls: this.controls(), rewritten: this.rewritten };
  }

  /** Put a draft into box and controls; without controls they stay. */
  fill({ text, controls, rewritten = false }) {
    this.text.value = text;
    this.rewritten = rewritten;
    if (controls) this.set(rewritten ? { ...controls, optimize: this.auto.checked } : controls);
    this.text.dispatchEvent(new Event("input", { bubbles: true }));
    this.text.focus();
    this.text.setSelectionRange(text.length, text.length);
  }

  /** Bring a job's draft back, with the image that was attached to it. */
  async edit(draft) {
    this.fill(draft);
    if (!draft.image) return this.detach();
    const response = await fetch(here(draft.image)).catch(() => null);
    if (response?.ok) this.attach(await response.blob());
  }

  submit() {
    const text = this.text.value.trim();
    if (!text || !this.seed.reportValidity()) return;
    const message = this.message(text);
    const draft = this.draft();
    this.text.value = "";
    // What belongs to these words alone ends with them.
    if (this.rewritten) [this.negative.value, this.seed.value] = ["", ""];
    this.rewritten = false;
    this.detach();
    this.text.focus();
    this.text.dispatchEvent(new Event("input", { bubbles: true }));
    this.send(message, draft);
  }

  attach(file) {
    if (!file) return;
    const tooLarge = file.size > this.largest && strings.too_large.replace("{limit}", this.largest / 1e6);
    const problem = file.type.startsWith("image/") ? tooLarge || "" : strings.not_picture;
    this.text.setCustomValidity(problem);
    if (problem) {
      this.text.reportValidity();
      return;
    }
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      this.attached(reader.result);
      this.text.focus();
    });
    reader.readAsDataURL(file);
  }

  /** Stand by an image, a data URL; with a mask, another one, only what is white there is drawn anew. */
  attached(image, mask = null) {
    keep({ image, mask });
    [this.image, this.mask] = [image, mask];
    if (mask) this.strength.value = 1;
    this.attachment.classList.toggle("masked", Boolean(mask));
    this.attachment.style.setProperty("--mask", `url(${mask})`);
    this.thumbnail.src = image;
    this.thumbnail.alt = strings.attached;
    this.attachment.hidden = false;
    this.refresh();
  }

  detach() {
    if (this.image) keep(null);
    if (this.mask) this.strength.value = this.standard.strength;
    this.image = this.mask = null;
    this.file.value = "";
    this.thumbnail.removeAttribute("src");
    this.attachment.hidden = true;
    this.refresh();
  }

  /** Bring back what stood here before a reload. */
  async restore() {
    const draft = this.saved;
    if (draft && !this.text.value) {
      this.text.value = draft.text;
      this.rewritten = draft.rewritten;
      this.set(draft.controls);
    }
    const found = await kept();
    if (found && !this.image) this.attached(found.image, found.mask);
  }

  acceptDrops() {
    const carriesFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    addEventListener("dragover", (event) => {
      if (!carriesFile(event)) return;
      event.preventDefault();
      this.box.classList.add("drop");
    });
    addEventListener("dragleave", (event) => event.relatedTarget || this.box.classList.remove("drop"));
    addEventListener("drop", (event) => {
      this.box.classList.remove("drop");
      if (!carriesFile(event)) return;
      event.preventDefault();
      this.attach(event.dataTransfer.files[0]);
    });
  }

  refresh() {
    this.text.setCustomValidity("");
    this.button.disabled = !this.text.value.trim();
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, 200)}px`;
    this.strength.closest("label").hidden = !this.image;
    for (const slider of this.sliders) {
      slider.nextElementSibling.textContent = Number(slider.value).toFixed(DIGITS[slider.id]);
      const share = (slider.value - slider.min) / (slider.max - slider.min);
      slider.style.setProperty("--share", `${share * 100}%`);
    }
    if (!this.standard) return;
    const behind = ["aspect", "count", "negative_prompt", "seed", "loras", "optimize"];
    const now = this.controls();
    const set = behind.filter((name) => String(now[name]) !== String(this.standard[name])).length;
    this.more.dataset.set = set || "";
    sessionStorage.draft = JSON.stringify(this.draft());
  }

  /** Let the panel stand above the box. */
  place(panel) {
    const { top, left, width } = this.box.getBoundingClientRect();
    panel.style.inset = `auto auto ${innerHeight - top + 8}px ${left}px`;
    panel.style.maxWidth = `${width}px`;
  }
}

/** Choose a value of a list, which may have to be added. */
function choose(list, value) {
  if (![...list.options].some((option) => option.value === value)) list.append(element("option", { value, textContent: value }));
  list.value = value;
}
