// Painting over the part of a picture that is to be drawn anew, with a finger, a mouse or keys.

import { show } from "./dialogs.js";
import { here } from "./net.js";

const STEP = 0.04; // of the shorter side: how far an arrow key goes
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Brush {
  /** `use(image, mask)` takes data URLs: the picture, and white on black what is painted over. */
  constructor(dialog, use) {
    const find = (selector) => dialog.querySelector(selector);
    this.dialog = dialog;
    this.use = use;
    this.under = find("img");
    this.canvas = find("canvas");
    this.size = find("input");
    this.back = find("#unpaint");
    this.ready = find("#use");
    this.size.addEventListener("input", () => this.draw());
    this.back.addEventListener("click", () => this.undo());
    this.ready.addEventListener("click", () => this.done());
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.strokes.push({ width: this.width, points: [] });
      this.paint(this.place(event));
    });
    this.canvas.addEventListener("pointermove", (event) => {
      this.at = this.place(event);
      if (event.buttons) this.paint(this.at);
      else this.draw();
    });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  get width() {
    return this.size.value * Math.min(this.canvas.width, this.canvas.height);
  }

  open({ url, alt, width, height }) {
    Object.assign(this.under, { src: here(url), alt });
    Object.assign(this.canvas, { width, height });
    this.canvas.parentElement.style.setProperty("--width", `${width * 4}px`);
    this.canvas.parentElement.style.setProperty("--ratio", width / height);
    this.strokes = [];
    this.at = [width / 2, height / 2];
    this.draw();
    show(this.dialog);
    this.canvas.focus();
  }

  place({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [((clientX - left) * this.canvas.width) / width, ((clientY - top) * this.canvas.height) / height];
  }

  /** Go on with the last stroke. */
  paint(point) {
    this.strokes.at(-1).points.push(point);
    this.draw();
  }

  key(event) {
    const { key } = event;
    const step = STEP * Math.min(this.canvas.width, this.canvas.height);
    if (WAYS[key]) {
      const limits = [this.canvas.width, this.canvas.height];
      this.at = this.at.map((place, axis) => Math.min(limits[axis], Math.max(0, place + WAYS[key][axis] * step)));
    } else if (key === " ") this.strokes.push({ width: this.width, points: [this.at] });
    else if (key === "Backspace" || (key === "z" && (event.ctrlKey || event.metaKey))) this.undo();
    else return;
    event.preventDefault();
    this.draw();
  }

  undo() {
    this.strokes.pop();
    this.draw();
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.trace(context, "#5252cc");
    context.beginPath();
    context.arc(...this.at, this.width / 2, 0, 7);
    context.lineWidth = Math.max(1, this.canvas.width / 200);
    context.strokeStyle = "#ffffff";
    context.stroke();
    const { value, min, max } = this.size;
    this.size.style.setProperty("--share", `${((value - min) / (max - min)) * 100}%`);
    this.back.disabled = this.ready.disabled = !this.strokes.length;
  }

  trace(context, colour) {
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = colour;
    for (const { width, points } of this.strokes) {
      context.lineWidth = width;
      context.beginPath();
      const [[x, y]] = points;
      context.moveTo(x - 0.01, y); // a line of no length is not drawn
      for (const point of points) context.lineTo(...point);
      context.stroke();
    }
  }

  async done() {
    const response = await fetch(this.under.src);
    const mask = Object.assign(document.createElement("canvas"), { width: this.canvas.width, height: this.canvas.height });
    const context = mask.getContext("2d");
    context.fillRect(0, 0, mask.width, mask.height);
    this.trace(context, "#ffffff");
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      this.dialog.close();
      this.use(reader.result, mask.toDataURL());
    });
    reader.readAsDataURL(await response.blob());
  }
}
