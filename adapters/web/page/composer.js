// The text box, the attached picture and the controls.

import { strings } from "./strings.js";

export class Composer {
  /** `send({text, controls, image?, preview?})` takes what the person sends. */
  constructor(form, send) {
    this.send = send;
    this.image = null;
    this.largest = Infinity;
    const find = (selector) => form.querySelector(selector);
    this.text = find("#text");
    this.file = find("#file");
    this.attachment = find("#attachment");
    this.thumbnail = find("#thumbnail");
    this.enhance = find("#enhance");
    this.steps = find("#steps");
    this.cfg = find("#cfg");
    this.button = find("#send");
    this.box = find(".box");

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener("keydown", (event) => {
      // During composition Enter chooses a Chinese word; it sends nothing.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener("input", () => this.refresh());
    for (const slider of [this.steps, this.cfg]) slider.addEventListener("input", () => this.refresh());
    find("#attach").addEventListener("click", () => this.file.click());
    find("#detach").addEventListener("click", () => this.detach());
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

  defaults({ enhance, steps, guidance_scale }) {
    this.enhance.checked = enhance;
    this.steps.value = steps;
    this.cfg.value = guidance_scale;
    this.refresh();
  }

  controls() {
    return {
      enhance: this.enhance.checked,
      steps: Number(this.steps.value),
      guidance_scale: Number(this.cfg.value),
    };
  }

  fill(text) {
    this.text.value = text;
    this.refresh();
    this.text.focus();
    this.text.setSelectionRange(text.length, text.length);
  }

  submit() {
    const text = this.text.value.trim();
    if (!text) return;
    const message = { text, controls: this.controls() };
    if (this.image) message.image = this.image;
    this.text.value = "";
    this.detach();
    this.text.focus();
    this.send(message);
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
      this.image = reader.result;
      this.thumbnail.src = reader.result;
      this.thumbnail.alt = strings.attached;
      this.attachment.hidden = false;
      this.text.focus();
    });
    reader.readAsDataURL(file);
  }

  detach() {
    this.image = null;
    this.file.value = "";
    this.thumbnail.removeAttribute("src");
    this.attachment.hidden = true;
    this.refresh();
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
    for (const slider of [this.steps, this.cfg]) {
      const digits = slider === this.cfg ? 1 : 0;
      slider.nextElementSibling.textContent = Number(slider.value).toFixed(digits);
      const share = (slider.value - slider.min) / (slider.max - slider.min);
      slider.style.setProperty("--share", `${share * 100}%`);
    }
  }
}
