// What everything else uses: the document, elements, and numbers as text.

const data = JSON.parse(document.getElementById("data").textContent);

/** Returns an element; children that are text stay text, whatever they hold. */
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

/** Returns a section with a heading, a sentence about it, and what it shows. */
function section(title, about, ...children) {
  const id = "section-" + title.toLowerCase().replace(/[^a-z]+/g, "-");
  const head = el("div", { class: "head" }, el("h2", { id }, title), about ? el("p", { class: "about" }, about) : null);
  return el("section", { "aria-labelledby": id }, head, ...children);
}

const MINUS = "\u2212";

/** Returns a number with a few digits, or a dash where there is none. */
function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value === "string") return value;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : MINUS + "∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value).replace("-", MINUS);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return exponent(value, digits);
  const text = value.toPrecision(digits);
  return (text.includes("e") ? String(Math.round(value)) : text).replace("-", MINUS);
}

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

function exponent(value, digits) {
  const [mantissa, power] = value.toExponential(Math.min(digits, 3) - 1).split("e");
  const raised = [...power.replace("+", "")].map((sign) => RAISED[sign]).join("");
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  return (short === "1" ? "10" : short.replace("-", MINUS) + "×10") + raised;
}

/** Returns a number on an axis: as short as it can be. */
function tick(value) {
  const text = number(value, 3);
  return text.includes(".") && !text.includes("×") ? text.replace(/\.?0+$/, "") : text;
}

/** Returns a whole number with thin spaces between thousands. */
function count(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.1) return `${(1000 * value).toFixed(0)} ms`;
  if (value < 10) return `${value.toFixed(1)} s`;
  // Rounded before they are divided: 179.6 s are 3 min 0 s.
  const [whole, minutes] = [Math.round(value), Math.round(value / 60)];
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function percent(share) {
  return share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`;
}

function plural(amount, word) {
  return `${count(amount)} ${word}${amount === 1 ? "" : "s"}`;
}

/** Returns the numbers that `pack` wrote: the upper three bytes of each float32. */
function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const values = new Uint32Array(bytes.length / 3);
  for (let i = 0; i < values.length; i++) {
    values[i] = ((bytes[3 * i] << 8) | (bytes[3 * i + 1] << 16) | (bytes[3 * i + 2] << 24)) >>> 0;
  }
  return new Float32Array(values.buffer);
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** Returns the value below which a share of the sorted values lies. */
function quantile(sorted, share) {
  return sorted[clamp(Math.round(share * (sorted.length - 1)), 0, sorted.length - 1)];
}
