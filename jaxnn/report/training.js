// The curves of a training: its losses, and its score.

const SERIES = { losses: "training loss", validation_losses: "validation loss", scores: "score" };

/** Returns the head of the page of a training: its best score, or its last loss. */
function makeTrainingLead() {
  if (!data.epochs) return el("div", { class: "lead" }, el("p", {}, "No epoch has ended yet."));
  const hasScore = data.best_score !== undefined;
  const name = hasScore ? `best score${data.score ? `: ${data.score}` : ""}` : "training loss of the last epoch";
  const facts = [["epochs", plural(data.epochs, "epoch")]];
  if (data.best_epoch) facts.push(["parameters", `after epoch ${data.best_epoch}`]);
  if (data.params) facts.push(["size", data.params]);
  return el("div", { class: "lead" },
    el("div", { class: "figure" },
      el("div", { class: "value" }, number(hasScore ? data.best_score : data.last.losses)),
      el("div", { class: "unit" }, name),
      hasScore && data.best_epoch ? el("div", { class: "unit" }, `after ${plural(data.best_epoch, "epoch")}`) : null),
    el("dl", { class: "settings" }, facts.map(([term, text]) => el("div", {}, el("dt", {}, term), el("dd", {}, text)))));
}

/** Returns a chart of some curves of the training. */
function makeLines(title, about, names) {
  const { grid } = data;
  const styles = { losses: "finished", validation_losses: "best", scores: "best" };
  const known = names.flatMap((name) => data.series[name].filter((value) => value !== null));
  const isEmpty = !known.length;
  let [low, high] = ends(known);
  const log = low > 0 && high / low > 20 && names[0] === "losses";
  [low, high] = widen(low, high);
  if (!log) [low, high] = [low - 0.03 * (high - low), high + 0.03 * (high - low)];
  const scale = log ? Math.log : (value) => value;
  const last = Math.max(2, data.epochs);
  let cursor = -1;
  let x, y, box;

  function setScales(width, height) {
    box = { left: 56, right: width - 16, top: 24, bottom: height - 44 };
    x = (epoch) => box.left + ((box.right - box.left) * (epoch - 1)) / (last - 1);
    y = (value) => box.bottom - ((box.bottom - box.top) * (scale(value) - scale(low))) / (scale(high) - scale(low));
  }

  function draw(context, width, height) {
    setScales(width, height);
    const xs = [...new Set([1, ...ticks(1, last, width / 110, false).filter((mark) => Number.isInteger(mark) && mark > last / 20)])];
    drawAxes(context, {
      ...box, xs, ys: isEmpty ? [] : ticks(low, high, 5, log), x, y, xLabel: "epoch",
      yLabel: SERIES[names[0]].split(" ").pop() + (isEmpty ? ": no finite value" : log ? " (logarithmic)" : ""),
    });
    for (const name of names) {
      context.beginPath();
      const shown = [...grid.keys()].filter((k) => data.series[name][k] !== null);
      shown.forEach((k) => context.lineTo(x(grid[k]), y(data.series[name][k])));
      context.strokeStyle = colours[styles[name]];
      context.lineWidth = 2;
      context.stroke();
      if (shown.length === 1) drawDot(context, name, shown[0]);
    }
    if (data.best_epoch) drawMark(context, x(data.best_epoch));
  }

  function drawMark(context, at) {
    context.setLineDash([3, 4]);
    context.strokeStyle = colours.soft;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(at, box.top);
    context.lineTo(at, box.bottom);
    context.stroke();
    context.setLineDash([]);
  }

  function drawOver(context, width, height) {
    setScales(width, height);
    if (cursor < 0) return;
    for (const name of names) drawDot(context, name, cursor);
  }

  function drawDot(context, name, k) {
    const value = data.series[name][k];
    if (value === null) return;
    context.beginPath();
    context.arc(x(grid[k]), y(value), 4.5, 0, 2 * Math.PI);
    context.fillStyle = colours[styles[name]];
    context.fill();
  }

  const label = `${title}: left and right go along the curves.`;
  const chart = new Chart({ name: names[0], height: 300, label, draw, drawOver, role: "application" });
  function show(k) {
    cursor = k;
    chart.redrawOver();
    if (k < 0) return chart.tell(null);
    const lines = names.map((name) => `${SERIES[name]} ${number(data.series[name][k])}`);
    chart.tell([`Epoch ${grid[k]}`, ...lines], x(grid[k]), box.top + 40);
  }
  chart.onPointer("pointermove", (at) => {
    const epoch = 1 + ((at - box.left) / (box.right - box.left)) * (last - 1);
    let k = 0;
    while (k + 1 < grid.length && Math.abs(grid[k + 1] - epoch) <= Math.abs(grid[k] - epoch)) k++;
    show(k);
  });
  chart.onLeave(() => show(-1));
  chart.onKey((key) => {
    const step = ARROWS[key]?.[0];
    if (key === "Escape") show(-1);
    if (!step) return false;
    show(cursor < 0 ? grid.length - 1 : clamp(cursor + step, 0, grid.length - 1));
    return true;
  });
  const keys = names.map((name) => el("span", { class: "key" }, el("span", { class: `stroke ${styles[name]}`, "aria-hidden": "true" }), SERIES[name]));
  if (data.best_epoch) keys.push(el("span", { class: "key" }, el("span", { class: "stroke dashed", "aria-hidden": "true" }), `parameters of epoch ${data.best_epoch}`));
  return section(title, about, el("div", { class: "controls" }, el("div", { class: "legend" }, keys)), chart.node);
}

function makeTraining() {
  const losses = ["losses", "validation_losses"].filter((name) => data.series[name]);
  const sections = [makeLines("Loss", "The training loss of an epoch is measured before its updates, the validation loss after them.", losses)];
  // A score that is minus the validation loss has no chart of its own.
  if (data.series.scores && !data.score.startsWith("minus")) sections.push(makeLines("Score", "Higher is better.", ["scores"]));
  return sections;
}
