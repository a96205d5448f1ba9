// Where the seconds went: compiling, in the programs or beside them, and how many lanes were at work meanwhile.

function makeTime() {
  const { compile, programs, host, workers, epochs } = data.time;
  const { occupancy, waited } = data.lanes;
  const parts = [["compile", "compiling", compile], ["programs", "in the programs", programs], ["host", workers > 1 ? "on the host, or waiting for work" : "on the host", host]].filter(([, , part]) => part !== null);
  const whole = parts.reduce((sum, [, , part]) => sum + part, 0) || 1;
  const bar = el("div", { class: "stack", "aria-hidden": "true" }, parts.map(([name, , part]) => {
    const piece = el("span", { class: name });
    piece.style.width = `${(100 * part) / whole}%`;
    return piece;
  }));
  const facts = parts.map(([name, words, part]) => [words, `${seconds(part)} · ${percent(part / whole)}`, name]);
  facts.push(["epochs of all trials", count(epochs)], ["epochs per second of the programs", programs ? count(Number((epochs / programs).toPrecision(3))) : "–"], [waited ? "lanes at work while trials waited" : "lanes at work", `${(100 * occupancy).toFixed(0)} %`]);
  const list = el("dl", { class: "facts" }, facts.map(([name, value, mark]) => el("div", {}, el("dt", {}, mark ? el("span", { class: `swatch ${mark}`, "aria-hidden": "true" }) : null, name), el("dd", {}, value))));
  const about = workers > 1 ? `Those of ${workers} workers, added up.` : null;
  const hasSteps = data.lanes.workers.some(({ ends: stops }) => stops.length > 1);
  return section("Where the seconds went", about, bar, list, hasSteps ? makeLanes().node : null);
}

/** Returns the chart of the share of lanes that trained a trial: a strip for each worker. */
function makeLanes() {
  const { workers, more } = data.lanes;
  const last = Math.max(...workers.map(({ ends: stops }) => stops[stops.length - 1])) || 1;
  const [unit, factor] = last > 7200 ? ["h", 3600] : last > 120 ? ["min", 60] : ["s", 1];
  const [top, tall, gap] = workers.length > 1 ? [44, 26, 24] : [30, 146, 0];
  const bottom = top + workers.length * (tall + gap) - gap;
  let x, right;
  let cursor = null;
  const setScales = (width) => {
    right = width - 16;
    x = (at) => 56 + ((right - 56) * at) / last;
  };
  const base = (row) => top + row * (tall + gap) + tall;
  const y = (row, share) => base(row) - tall * share;

  function draw(context, width) {
    setScales(width);
    drawAxes(context, {
      left: 56, right, bottom, xs: ticks(0, last / factor, width / 110, false), ys: workers.length > 1 ? [] : [0, 50, 100], x: (mark) => x(mark * factor),
      y: (mark) => y(0, mark / 100), xLabel: `time in the programs (${unit})`, yLabel: "lanes at work (%)",
    });
    workers.forEach((worker, row) => drawStrip(context, worker, row));
  }

  function drawStrip(context, { name, ends: stops, busy }, row) {
    if (workers.length > 1) {
      context.fillStyle = colours.soft;
      context.textAlign = "left";
      fillShortened(context, name, 56, base(row) - tall - 5, right - 56);
      context.textAlign = "right";
      context.fillText("100", 48, base(row) - tall + 9);
      context.fillText("0", 48, base(row));
      context.strokeStyle = colours.line;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(56, base(row) + 0.5);
      context.lineTo(right, base(row) + 0.5);
      context.stroke();
    }
    context.beginPath();
    context.moveTo(x(0), y(row, 0));
    stops.forEach((stop, k) => {
      context.lineTo(x(k ? stops[k - 1] : 0), y(row, busy[k]));
      context.lineTo(x(stop), y(row, busy[k]));
    });
    context.lineTo(x(stops[stops.length - 1]), y(row, 0));
    context.globalAlpha = 0.16;
    context.fillStyle = colours.mark;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    context.strokeStyle = colours.mark;
    context.stroke();
  }

  function drawOver(context, width) {
    setScales(width);
    if (!cursor) return;
    const [row, k] = cursor;
    const { ends: stops, busy } = workers[row];
    context.fillStyle = colours.mark;
    context.globalAlpha = 0.35;
    context.fillRect(x(k ? stops[k - 1] : 0), y(row, busy[k]), x(stops[k]) - x(k ? stops[k - 1] : 0), tall * busy[k]);
    context.globalAlpha = 1;
  }

  const who = workers.length > 1 ? ` of ${workers.length} workers${more ? ` (${more} more are not shown)` : ""}` : "";
  const chart = new Chart({
    name: "lanes", height: bottom + 44, draw, drawOver, role: "application",
    label: `Lanes at work over time${who}: left and right go along the chunks${who ? ", up and down to another worker" : ""}.`,
  });

  function show(row, k) {
    cursor = [row, k];
    chart.redrawOver();
    const { name, ends: stops, busy } = workers[row];
    chart.tell([`${(100 * busy[k]).toFixed(0)} % of the lanes at work`, `up to ${seconds(stops[k])} in the programs`, ...(workers.length > 1 ? [name] : [])], x(stops[k]), y(row, busy[k]));
  }

  function leave() {
    cursor = null;
    chart.tell(null);
    chart.redrawOver();
  }

  chart.onPointer("pointermove", (atX, atY) => {
    const row = clamp(Math.floor((atY - top + gap / 2) / (tall + gap)), 0, workers.length - 1);
    const moment = ((atX - 56) / (right - 56)) * last;
    const k = workers[row].ends.findIndex((stop) => stop >= moment);
    if (moment < 0 || k < 0) leave();
    else show(row, k);
  });
  chart.onLeave(leave);
  chart.onKey((key) => {
    const step = ARROWS[key];
    if (key === "Escape") leave();
    if (!step) return false;
    const row = cursor ? clamp(cursor[0] + step[1], 0, workers.length - 1) : 0;
    show(row, clamp(cursor ? cursor[1] + step[0] : 0, 0, workers[row].ends.length - 1));
    return true;
  });
  return chart;
}
