// The score against each hyper: a dot for each trial. A drag chooses the trials in a rectangle.

const [DOT, STAMP] = [3, 10];
// With more trials than this, dots are squares, which are drawn faster.
const MANY = 2000;

/** Returns the picture of a dot: a disc if the trial finished, a ring if it was stopped, a cross otherwise. */
function makeStamp(status, colour) {
  const ratio = window.devicePixelRatio || 1;
  const stamp = el("canvas", { width: STAMP * ratio, height: STAMP * ratio });
  const context = stamp.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, (STAMP / 2) * ratio, (STAMP / 2) * ratio);
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.4;
  if (status === "finished" || status === "stopped") {
    context.arc(0, 0, DOT, 0, 2 * Math.PI);
  } else {
    for (const sign of [1, -1]) {
      context.moveTo(-DOT, -sign * DOT);
      context.lineTo(DOT, sign * DOT);
    }
  }
  if (status === "finished") context.fill();
  else context.stroke();
  return stamp;
}

function makeScatters() {
  const statuses = STATUS.filter((name, i) => trials.status.includes(i) && name !== "unfinished");
  const keys = [...(data.best === null ? [] : ["best"]), ...statuses].map((name) => el("span", { class: `key status ${name}` }, el("span", {}, el("span", { class: "dot", "aria-hidden": "true" }), name)));
  const below = lacksScore(hasEnded) ? "Trials without a score lie below the others. " : "";
  return section("Score against each hyper", `${below}Drag to choose trials; click to let go.`, el("div", { class: "controls" }, el("div", { class: "legend" }, keys)), el("div", { class: "grid" }, hypers.map((axis) => makeScatter(axis).node)));
}

function makeScatter(axis) {
  let box, x, y;

  function setScales(width, height) {
    // The worst scores together take a longer mark.
    box = { left: scoreFloor > sortedScores[0] ? 64 : 48, right: width - 12, top: 26, bottom: height - 44 };
    x = (unit) => box.left + (box.right - box.left) * unit;
    y = (unit) => (unit === null ? box.bottom + 7 : box.bottom - (box.bottom - box.top - 6) * unit);
  }

  const listed = (trial) => axis.values[trial] !== null && hasEnded(trial);

  function draw(context, width, height) {
    setScales(width, height);
    const marks = listMarks(axis);
    drawAxes(context, {
      ...box, xs: [], ys: listMarks(scoreAxis), y: ([unit]) => y(unit), yLabel: "score",
    });
    context.fillStyle = colours.soft;
    context.textAlign = "center";
    for (const [unit, text] of marks) fillShortened(context, text, x(unit), box.bottom + 22, (box.right - box.left) / marks.length - 4);
    context.fillStyle = colours.text;
    context.font = `600 ${FONT}`;
    fillName(context, axis.name, (box.left + box.right) / 2, box.bottom + 40, box.right - box.left);
    context.font = FONT;
    for (let i = 0; i < STATUS.length; i++) drawDots(context, ranking.filter((trial) => trials.status[trial] === i && listed(trial)), STATUS[i]);
    drawChosen(context);
  }

  function drawDots(context, members, status) {
    context.globalAlpha = size > 500 ? 0.6 : 0.85;
    for (const inside of [0, 1]) {
      if (size > MANY) {
        context.fillStyle = inside ? colours[status] || colours.soft : colours.line;
        for (const trial of members) if (chosen[trial] === inside) context.fillRect(x(axis.unit(trial)) - 1.5, y(scoreAxis.unit(trial)) - 1.5, 3, 3);
        continue;
      }
      const stamp = makeStamp(status, inside ? colours[status] || colours.soft : colours.line);
      for (const trial of members) {
        if (chosen[trial] === inside) context.drawImage(stamp, x(axis.unit(trial)) - STAMP / 2, y(scoreAxis.unit(trial)) - STAMP / 2, STAMP, STAMP);
      }
    }
    context.globalAlpha = 1;
  }

  /** Draws the chosen parts of both axes. */
  function drawChosen(context) {
    const [across, up] = [brushes.get(axis), brushes.get(scoreAxis)];
    if (!across && !up) return;
    const [left, right] = (across || [0, 1]).map(x);
    const [bottom, top] = (up || [0, 1]).map(y);
    context.strokeStyle = colours.mark;
    context.lineWidth = 1;
    context.globalAlpha = 0.9;
    context.strokeRect(Math.round(left) - 0.5, Math.round(top) - 0.5, right - left + 1, bottom - top + 1);
    context.globalAlpha = 1;
  }

  function drawOver(context, width, height) {
    setScales(width, height);
    if (data.best !== null && listed(data.best)) drawOne(context, data.best, colours.best);
    if (hot >= 0 && hot !== data.best && listed(hot)) drawOne(context, hot, colours.text);
  }

  function drawOne(context, trial, colour) {
    context.beginPath();
    context.arc(x(axis.unit(trial)), y(scoreAxis.unit(trial)), DOT + 2, 0, 2 * Math.PI);
    context.fillStyle = colour;
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = colours.page;
    context.stroke();
  }

  const chart = new Chart({
    name: "scatter", height: 250, draw, drawOver, role: "application", label: `Score against ${axis.name}. Up and down go to better and worse trials.`,
  });
  chart.over.classList.add("crossed");
  const unitX = (at) => clamp((at - box.left) / (box.right - box.left), 0, 1);
  const unitY = (at) => clamp((box.bottom - at) / (box.bottom - box.top - 6), 0, 1);

  function show(trial) {
    point(trial);
    chart.tell(trial < 0 ? null : describeTrial(trial), trial < 0 ? 0 : x(axis.unit(trial)), trial < 0 ? 0 : y(scoreAxis.unit(trial)));
  }

  function nearest(atX, atY) {
    let [found, distance] = [-1, 12];
    for (const trial of ranking) {
      if (!chosen[trial] || !listed(trial)) continue;
      const off = Math.hypot(x(axis.unit(trial)) - atX, y(scoreAxis.unit(trial)) - atY);
      if (off < distance) [found, distance] = [trial, off];
    }
    return found;
  }

  let drag = null;
  chart.onPointer("pointerdown", (atX, atY, event) => {
    drag = [atX, atY];
    point(-1);
    chart.over.setPointerCapture(event.pointerId);
  });
  chart.onPointer("pointermove", (atX, atY) => {
    if (!drag) return show(nearest(atX, atY));
    if (Math.hypot(atX - drag[0], atY - drag[1]) < 5) return;
    chart.tell(null);
    brush(
      [axis, [unitX(Math.min(atX, drag[0])), unitX(Math.max(atX, drag[0]))]],
      [scoreAxis, [unitY(Math.max(atY, drag[1])), unitY(Math.min(atY, drag[1]))]],
    );
  });
  chart.onPointer("pointerup", (atX, atY) => {
    if (drag && Math.hypot(atX - drag[0], atY - drag[1]) < 5) brush([axis, null], [scoreAxis, null]);
    drag = null;
  });
  // A touch that scrolls the page ends so.
  chart.onPointer("pointercancel", () => (drag = null));
  chart.onLeave(() => show(-1));
  chart.onKey((key) => {
    const step = ARROWS[key]?.[1];
    if (key === "Escape") brush([axis, null], [scoreAxis, null]);
    const list = ranking.filter((trial) => chosen[trial] && listed(trial));
    if (!step || !list.length) return false;
    show(list[hot < 0 ? 0 : clamp(list.indexOf(hot) + step, 0, list.length - 1)]);
    return true;
  });
  views.push(chart);
  return chart;
}
