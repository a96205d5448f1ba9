// Parallel coordinates: a line for each trial across its hypers, to its score. A drag along an axis chooses trials.

const AXIS_WIDTH = 96;

function makeParallel() {
  const place = { left: 44, right: 72, top: 40, bottom: 34 };
  let x, y;
  let current = -1;

  function setScales(width, height) {
    x = (k) => place.left + ((width - place.left - place.right) * k) / Math.max(1, axes.length - 1);
    y = (unit) => (unit === null ? height - place.bottom + 16 : height - place.bottom - (height - place.top - place.bottom) * unit);
  }

  const trace = (context) => (trial) => {
    let pen = false;
    axes.forEach((axis, k) => {
      const unit = axis.unit(trial);
      // The line passes by a hyper that the trial does not have; a score that it does not have lies below the axis.
      if (unit === null && axis !== scoreAxis) return;
      if (pen) context.lineTo(x(k), y(unit));
      else context.moveTo(x(k), y(unit));
      pen = true;
    });
  };

  /** Returns the height of a trial's line between two axes, `k` and the next; NaN where it has not begun. */
  function heightAt(trial, k, atX) {
    let [left, right] = [k, Math.min(k + 1, axes.length - 1)];
    while (left >= 0 && axes[left].unit(trial) === null) left--;
    while (right < axes.length - 1 && axes[right].unit(trial) === null) right++;
    if (left < 0) return NaN;
    const share = clamp((atX - x(left)) / (x(right) - x(left) || 1), 0, 1);
    return y(axes[left].unit(trial)) * (1 - share) + y(axes[right].unit(trial)) * share;
  }

  function draw(context, width, height) {
    setScales(width, height);
    const all = ranking.filter(hasEnded).reverse();
    context.lineWidth = 0.8;
    if (brushes.size) strokeByScore(context, all.filter((trial) => !chosen[trial]), trace(context), { faded: true });
    context.lineWidth = size > 300 ? 0.8 : 1.1;
    strokeByScore(context, worstFirst().filter(hasEnded), trace(context), { alpha: clamp(60 / Math.sqrt(size * 10), 0.3, 0.8) });
    axes.forEach((axis, k) => drawAxis(context, axis, k));
  }

  function drawAxis(context, axis, k) {
    context.strokeStyle = colours.soft;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(Math.round(x(k)) + 0.5, y(1));
    context.lineTo(Math.round(x(k)) + 0.5, y(0));
    context.stroke();
    const part = brushes.get(axis);
    if (part) drawBand(context, x(k) - 9, y(part[1]), 18, y(part[0]) - y(part[1]));
    context.textAlign = "center";
    context.fillStyle = colours.text;
    context.font = `600 ${FONT}`;
    fillName(context, axis.name, x(k), 14, x(1) - x(0) - 12 || 200);
    context.font = FONT;
  }

  /** Writes the numbers of an axis, above all lines. */
  function writeMarks(context, axis, k) {
    context.textAlign = "left";
    for (const [unit, text] of listMarks(axis)) writeMark(context, text, x(k) + 7, y(unit) + 4);
    if (axis === scoreAxis && lacksScore(hasEnded)) writeMark(context, "none", x(k) + 7, y(null) + 4);
  }

  /** Writes a number over lines, with a rim in the colour of the page. */
  function writeMark(context, text, atX, atY) {
    context.lineWidth = 3;
    context.strokeStyle = colours.page;
    context.strokeText(text, atX, atY);
    context.fillStyle = colours.soft;
    context.fillText(text, atX, atY);
  }

  function drawOver(context, width, height) {
    setScales(width, height);
    if (data.best !== null && chosen[data.best]) strokeOne(context, data.best, trace(context), colours.best);
    if (hot >= 0 && hot !== data.best) strokeOne(context, hot, trace(context), colours.text);
    axes.forEach((axis, k) => writeMarks(context, axis, k));
    if (current >= 0) drawFrame(context, x(current) - 12, y(1) - 8, 24, y(0) - y(1) + 16);
  }

  const chart = new Chart({
    name: "parallel", height: 380, draw, drawOver, role: "application",
    label: "Parallel coordinates. Left and right go to an axis, up and down choose a part of it, with Shift its upper end, Escape all of it.",
  });
  chart.over.classList.add("brushed");
  const nearestAxis = (atX) => axes.reduce((best, _, k) => (Math.abs(x(k) - atX) < Math.abs(x(best) - atX) ? k : best), 0);
  const unitAt = (atY) => clamp((y(0) - atY) / (y(0) - y(1)), 0, 1);

  let drag = null;
  chart.onPointer("pointerdown", (atX, atY, event) => {
    const k = nearestAxis(atX);
    if (Math.abs(x(k) - atX) > 24) return;
    drag = { axis: axes[k], from: unitAt(atY) };
    point(-1);
    chart.over.setPointerCapture(event.pointerId);
  });
  chart.onPointer("pointermove", (atX, atY) => {
    chart.over.style.cursor = Math.abs(x(nearestAxis(atX)) - atX) <= 24 ? "ns-resize" : "default";
    if (!drag) return hover(atX, atY);
    const unit = unitAt(atY);
    brush([drag.axis, [Math.min(drag.from, unit), Math.max(drag.from, unit)]]);
    chart.tell(describeBrush(drag.axis), atX, atY);
  });
  chart.onPointer("pointerup", (_, atY) => {
    if (drag && Math.abs(unitAt(atY) - drag.from) < 0.01) brush([drag.axis, null]);
    drag = null;
  });
  // A touch that scrolls the page ends so.
  chart.onPointer("pointercancel", () => (drag = null));
  chart.onPointer("pointerleave", () => {
    chart.tell(null);
    point(-1);
  });

  /** Shows the line that is nearest to the pointer. */
  function hover(atX, atY) {
    const k = clamp(Math.floor(((atX - x(0)) / (x(1) - x(0) || 1))), 0, Math.max(0, axes.length - 2));
    let [nearest, distance] = [-1, 10];
    for (const trial of ranking) {
      if (!chosen[trial] || !hasEnded(trial)) continue;
      const off = Math.abs(heightAt(trial, k, atX) - atY);
      if (off < distance) [nearest, distance] = [trial, off];
    }
    point(nearest);
    chart.tell(nearest < 0 ? null : describeTrial(nearest), atX, atY);
  }

  chart.onKey((key, isShifted) => {
    const [step, down] = ARROWS[key] || [0, 0];
    if (!ARROWS[key] && key !== "Escape") return false;
    current = clamp(current + step, 0, axes.length - 1);
    const axis = axes[current];
    if (key === "Escape") brush([axis, null]);
    if (down) brush([axis, movePart(brushes.get(axis), -0.05 * down, isShifted)]);
    chart.tell(describeBrush(axis), x(current), y(0.5));
    chart.redrawOver();
    // A narrow page shows a part of the axes.
    const wide = chart.node.parentElement;
    wide.scrollLeft = clamp(wide.scrollLeft, x(current) + 120 - wide.clientWidth, x(current) - 60);
    return true;
  });
  chart.over.addEventListener("blur", () => {
    current = -1;
    chart.tell(null);
    chart.redrawOver();
  });
  views.push(chart);
  chart.node.style.minWidth = `${AXIS_WIDTH * axes.length}px`;
  const passed = hypers.some((axis) => axis.values.includes(null)) ? " It passes by the hypers that the trial does not have." : "";
  return section("Hypers and score", `A line for each ended trial.${passed} Drag along an axis to choose trials in all views; click to let go.`, el("div", { class: "controls" }, scoreLegend(hasEnded)), el("div", { class: "wide" }, chart.node));
}

/** Moves the chosen part of an axis, or its upper end; where there is none, returns the upper or lower half. */
function movePart(part, move, upper) {
  if (!part) return move > 0 ? [0.5, 1] : [0, 0.5];
  if (upper) return [part[0], clamp(part[1] + move, part[0] + 0.02, 1)];
  const step = clamp(move, -part[0], 1 - part[1]);
  return [part[0] + step, part[1] + step];
}

/** Returns the marks of an axis: places and texts. */
function listMarks(axis) {
  if (axis === scoreAxis && !scored.length) return [];
  if (axis.options.length) return axis.options.map((option, i) => [axis.place(i), option.length > 14 ? `${option.slice(0, 13)}…` : option]);
  const marks = ticks(axis.low, axis.high, 4, axis.log).map((value) => [axis.place(value), tick(value)]);
  if (axis === scoreAxis && scored.length && scoreFloor > sortedScores[0]) {
    return [[0, `≤ ${tick(Number(scoreFloor.toPrecision(3)))}`], ...marks.filter(([unit]) => unit > 0.08)];
  }
  return marks.length ? marks : [[0.5, tick(axis.low)]];
}

function drawBand(context, left, top, width, height) {
  context.globalAlpha = 0.22;
  context.fillStyle = colours.mark;
  context.fillRect(left, top, width, height);
  context.globalAlpha = 1;
  context.strokeStyle = colours.mark;
  context.strokeRect(left + 0.5, top + 0.5, width, height);
}

function drawFrame(context, left, top, width, height) {
  context.strokeStyle = colours.mark;
  context.lineWidth = 2;
  context.strokeRect(left, top, width, height);
}

/** Writes the name of a hyper, without those of the choices around it if it is too wide. */
function fillName(context, name, x, y, width) {
  const isWide = context.measureText(name).width > width;
  fillShortened(context, isWide && name.includes(".") ? `…${name.slice(name.lastIndexOf(".") + 1)}` : name, x, y, width);
}

/** Writes text, without its end if it is too wide. */
function fillShortened(context, text, x, y, width) {
  let short = text;
  while (short.length > 1 && context.measureText(short).width > width) short = `${short.replace(/…$/, "").slice(0, -1)}…`;
  context.fillText(short, x, y);
}
