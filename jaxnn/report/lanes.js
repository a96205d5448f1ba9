// Where the seconds went: in the programs or beside them, and how many lanes were at work meanwhile.

function makeTime() {
  const { total, programs, epochs } = data.time;
  const { occupancy } = data.lanes;
  const parts = total === null ? [["programs", "in the programs", programs]] : [["programs", "in the programs", programs], ["host", "compiling, and on the host", Math.max(0, total - programs)]];
  const whole = parts.reduce((sum, [, , part]) => sum + part, 0) || 1;
  const bar = el("div", { class: "stack", "aria-hidden": "true" }, parts.map(([name, , part]) => {
    const piece = el("span", { class: name });
    piece.style.width = `${(100 * part) / whole}%`;
    return piece;
  }));
  const facts = parts.map(([name, words, part]) => [words, seconds(part), name]);
  facts.push(["epochs of all trials", count(epochs)], ["epochs per second", tick(epochs / whole)], ["lanes at work while trials waited", `${(100 * occupancy).toFixed(0)} %`]);
  const list = el("dl", { class: "facts" }, facts.map(([name, value, mark]) => el("div", {}, el("dt", {}, mark ? el("span", { class: `swatch ${mark}`, "aria-hidden": "true" }) : null, name), el("dd", {}, value))));
  return section("Where the seconds went", null, bar, list, data.lanes.ends.length > 1 ? makeLanes().node : null);
}

/** Returns the chart of the share of lanes that trained a trial. */
function makeLanes() {
  const { ends: stops, busy } = data.lanes;
  const last = stops[stops.length - 1] || 1;
  const [unit, factor] = last > 7200 ? ["h", 3600] : last > 120 ? ["min", 60] : ["s", 1];
  let x, y, box;
  const setScales = (width, height) => {
    box = { left: 56, right: width - 16, top: 30, bottom: height - 44 };
    x = (at) => box.left + ((box.right - box.left) * at) / last;
    y = (share) => box.bottom - (box.bottom - box.top) * share;
  };
  const draw = (context, width, height) => {
    setScales(width, height);
    drawAxes(context, {
      ...box, xs: ticks(0, last / factor, width / 110, false), ys: [0, 50, 100], x: (mark) => x(mark * factor), y: (mark) => y(mark / 100),
      xLabel: `time in the programs (${unit})`, yLabel: "lanes at work (%)",
    });
    context.beginPath();
    context.moveTo(x(0), y(0));
    stops.forEach((stop, k) => {
      context.lineTo(x(k ? stops[k - 1] : 0), y(busy[k]));
      context.lineTo(x(stop), y(busy[k]));
    });
    context.lineTo(x(last), y(0));
    context.globalAlpha = 0.16;
    context.fillStyle = colours.mark;
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    context.strokeStyle = colours.mark;
    context.stroke();
  };
  const chart = new Chart({ name: "lanes", height: 220, draw, label: `Lanes at work over time: ${(100 * data.lanes.occupancy).toFixed(0)} % while trials waited.` });
  chart.onPointer("pointermove", (at) => {
    const moment = ((at - box.left) / (box.right - box.left)) * last;
    const k = clamp(stops.findIndex((stop) => stop >= moment), 0, stops.length - 1);
    chart.tell([`${(100 * busy[k]).toFixed(0)} % of the lanes at work`, `after ${seconds(stops[k])} in the programs`], at, y(busy[k]));
  });
  chart.onPointer("pointerleave", () => chart.tell(null));
  return chart;
}
