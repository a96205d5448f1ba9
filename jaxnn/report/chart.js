// A chart: a canvas for what stays, one above it for what the pointer changes, and a note that follows the pointer.

const colours = {};

/** Reads the colours of the style sheet, which differ between light and dark. */
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["text", "soft", "line", "page", "low", "high", "best", "finished", "stopped", "diverged", "mark"]) {
    colours[name] = style.getPropertyValue(`--${name}`).trim();
  }
}

/** Returns a colour between two, as text that a canvas takes. */
function mix(from, to, share) {
  const parts = [from, to].map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return `rgb(${parts[0].map((low, i) => Math.round(low + (parts[1][i] - low) * share)).join(" ")})`;
}

const requestIdleCallback = window.requestIdleCallback || ((call) => setTimeout(call, 50));
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif';
// Steps to the right and down.
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const charts = [];
const due = new Set();

/** Draws soon, and once for all requests until then. */
function request(draw) {
  if (!due.size) {
    requestAnimationFrame(() => {
      const now = [...due];
      due.clear();
      now.forEach((each) => each());
    });
  }
  due.add(draw);
}

class Chart {
  /** `draw` and `drawOver` get the context, the width and the height, in CSS pixels. */
  constructor({ name, height, label, draw, drawOver, role }) {
    this.base = el("canvas", { "aria-hidden": "true" });
    this.over = el("canvas", { tabindex: 0, role: role || "img", "aria-label": label });
    this.note = el("div", { class: "note", role: "status", hidden: true });
    this.node = el("div", { class: `chart ${name}` }, this.base, this.over, this.note);
    this.node.style.height = `${height}px`;
    this.draw = () => this.paint(this.base, draw);
    this.drawOver = () => drawOver && this.paint(this.over, drawOver);
    this.visible = this.painted = false;
    new ResizeObserver(() => this.redraw()).observe(this.node);
    new IntersectionObserver((entries) => this.look(entries[entries.length - 1]), { rootMargin: "300px" }).observe(this.node);
    charts.push(this);
  }

  get width() {
    return this.node.clientWidth;
  }

  get height() {
    return this.node.clientHeight;
  }

  look(entry) {
    this.visible = entry.isIntersecting;
    if (this.visible && this.stale) this.redraw();
  }

  /** Draws soon; what is out of sight when there is time, so that what is in sight comes first. */
  redraw() {
    if (this.visible) {
      this.stale = false;
      request(this.draw);
      request(this.drawOver);
    } else if (!this.stale) {
      this.stale = true;
      requestIdleCallback(() => this.catchUp());
    }
  }

  catchUp() {
    if (!this.stale) return;
    this.stale = false;
    this.draw();
    this.drawOver();
  }

  redrawOver() {
    if (this.visible) request(this.drawOver);
  }

  paint(canvas, draw) {
    const { width, height } = this;
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = FONT;
    context.lineJoin = "round";
    draw(context, width, height);
    this.painted = true;
  }

  /** Shows lines of text beside a point, or else below or above it, the first one strong; null hides them. */
  tell(lines, x, y) {
    this.note.hidden = !lines;
    if (!lines) return;
    this.note.replaceChildren(...lines.map((line, i) => el(i ? "div" : "strong", {}, line)));
    const { offsetWidth: width, offsetHeight: height } = this.note;
    // What is around a chart may show a part of it.
    const [node, around] = [this.node, this.node.parentElement].map((each) => each.getBoundingClientRect());
    const [low, high] = [around.left - node.left, around.right - node.left];
    const beside = [x + 16, x - 16 - width].find((at) => at >= low && at + width <= high);
    const middle = clamp(y - height / 2, 0, Math.max(0, this.height - height));
    const beyond = y + 16 + height > this.height && y - 16 - height >= 0 ? y - 16 - height : y + 16;
    this.note.style.left = `${beside ?? clamp(x - width / 2, low, Math.max(low, high - width))}px`;
    this.note.style.top = `${beside === undefined ? beyond : middle}px`;
  }

  /** Calls back with the place of the pointer, once the chart is drawn and has its scales. */
  onPointer(type, call) {
    this.over.addEventListener(type, (event) => {
      if (!this.painted) return;
      const box = this.over.getBoundingClientRect();
      call(event.clientX - box.left, event.clientY - box.top, event);
    });
  }

  /** Calls back with the name of a key, once the chart is drawn; where it returns true, the page does not scroll. */
  onKey(call) {
    this.over.addEventListener("keydown", (event) => {
      if (this.painted && call(event.key, event.shiftKey)) event.preventDefault();
    });
  }

  /** Calls back when the pointer or the keyboard leaves the chart. */
  onLeave(call) {
    this.over.addEventListener("pointerleave", call);
    this.over.addEventListener("blur", call);
  }
}

/** Returns powers of ten between two ends; where there are few, also twice and five times them; null if that is too few. */
function logTicks(low, high, wanted) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const step = Math.max(1, Math.ceil((last - first + 1) / wanted));
  const powers = [];
  for (let power = first; power <= last; power += step) powers.push(10 ** power);
  if (powers.length >= 3) return powers;
  const marks = [];
  for (let power = first - 1; power <= last; power++) marks.push(...[1, 2, 5].map((digit) => Number((digit * 10 ** power).toPrecision(12))));
  const inside = marks.filter((mark) => mark > low * (1 - 1e-9) && mark < high * (1 + 1e-9));
  if (inside.length >= 3 && inside.length <= 2 * wanted) return inside;
  return powers.length === 2 ? powers : null;
}

/** Returns round numbers between two ends, about as many as wanted. */
function ticks(low, high, wanted, log) {
  if (!(high > low)) return [low];
  const marked = log ? logTicks(low, high, wanted) : null;
  if (marked) return marked;
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => 1.5 * factor * power >= rough);
  const marks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) marks.push(Number((i * step).toPrecision(12)));
  return marks;
}

/** Returns a range around a single value, and others as they are. */
function widen(low, high) {
  const by = high > low ? 0 : Math.abs(low) / 2 || 0.5;
  return [low - by, high + by];
}

/** Draws horizontal lines with their numbers, or texts in pairs, and numbers below; x and y give places. */
function drawAxes(context, { left, right, top, bottom, xs, ys, x, y, xLabel, yLabel }) {
  context.lineWidth = 1;
  context.strokeStyle = colours.line;
  context.fillStyle = colours.soft;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const mark of ys) {
    const at = Math.round(y(mark)) + 0.5;
    context.beginPath();
    context.moveTo(left, at);
    context.lineTo(right, at);
    context.stroke();
    context.fillText(Array.isArray(mark) ? mark[1] : tick(mark), left - 8, at);
  }
  context.textBaseline = "alphabetic";
  context.textAlign = "center";
  for (const mark of xs) context.fillText(typeof mark === "string" ? mark : tick(mark), x(mark), bottom + 18);
  if (xLabel) {
    context.textAlign = "right";
    context.fillText(xLabel, right, bottom + 36);
  }
  context.textAlign = "left";
  if (yLabel) context.fillText(yLabel, 0, 12);
}
