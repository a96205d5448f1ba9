// Learning curves of all trials: a curve for each, in the colour of its score, and the one at the pointer above.

/** Returns the curves of a quantity: where the points of each trial begin in the values, and how many there are. */
function readCurves(quantity, grid) {
  const values = unpack(quantity.values);
  const starts = new Uint32Array(size + 1);
  for (let trial = 0; trial < size; trial++) {
    const end = trials.epochs[trial];
    let points = end > 0 ? 1 : 0;
    while (points && points <= grid.length && grid[points - 1] < end) points++;
    starts[trial + 1] = starts[trial] + points;
  }
  return { ...quantity, values, starts };
}

function makeCurves() {
  const { grid } = data.curves;
  const quantities = data.curves.quantities.map((each) => (each.score ? { ...each, name: data.score } : each));
  let shown = null;
  let range = null;
  let cursor = null;
  const place = { left: 56, top: 24, bottom: 44, right: 16 };

  const epochAt = (trial, k) => (shown.starts[trial] + k + 1 === shown.starts[trial + 1] ? trials.epochs[trial] : grid[k]);
  const last = Math.max(1, ...ends(trials.epochs));
  let x, y, fromX;

  /** Returns the range of the vertical axis: the good end whole, the bad end without the few worst values. */
  function findRange() {
    const known = shown.values.filter(Number.isFinite).sort();
    if (!known.length) return { low: 0, high: 1, log: false, isEmpty: true };
    // A few curves hide nothing: they are shown whole. Of a metric nothing tells which end is good.
    const shares = size < 4 ? [0, 1] : shown.loss ? [0, 0.75] : shown.score ? [0.25, 1] : [0.05, 0.95];
    let [low, high] = shares.map((share) => quantile(known, share));
    const log = low > 0 && shown.loss && high / low > 20;
    [low, high] = widen(low, high);
    const margin = log ? 0 : 0.03 * (high - low);
    return { low: low - (low >= 0 && low - margin < 0 ? low : margin), high: high + margin, log };
  }

  function setScales(width, height) {
    const [left, right, top, bottom] = [place.left, width - place.right, place.top, height - place.bottom];
    const scale = range.log ? Math.log : (value) => value;
    const [low, high] = [scale(range.low), scale(range.high)];
    x = (epoch) => left + ((right - left) * (epoch - 1)) / Math.max(1, last - 1);
    y = (value) => bottom - ((bottom - top) * (scale(value) - low)) / (high - low);
    fromX = (at) => 1 + ((at - left) / (right - left)) * Math.max(1, last - 1);
    return { left, right, top, bottom };
  }

  const trace = (context) => (trial) => {
    let [points, only] = [0, null];
    const [from, to] = [shown.starts[trial], shown.starts[trial + 1]];
    for (let k = from; k < to; k++) {
      const value = shown.values[k];
      // Not evaluated after this epoch: the line goes on to the next that was.
      if (Number.isNaN(value)) continue;
      const [atX, atY] = [x(epochAt(trial, k - from)), clamp(y(value), -1e4, 1e4)];
      if (points) context.lineTo(atX, atY);
      else context.moveTo(atX, atY);
      points++;
      only = points === 1 ? [atX + 6, atY] : null;
    }
    if (only) context.lineTo(...only);
  };

  function clip(context, box) {
    context.beginPath();
    context.rect(box.left - 1, box.top - 4, box.right - box.left + 6, box.bottom - box.top + 6);
    context.clip();
  }

  function draw(context, width, height) {
    const box = setScales(width, height);
    const wanted = Math.max(2, Math.floor(width / 110));
    const xs = [...new Set([1, ...ticks(1, last, wanted, false).filter((mark) => Number.isInteger(mark) && mark - 1 > last / wanted / 2)])];
    drawAxes(context, {
      ...box, xs, ys: range.isEmpty ? [] : ticks(range.low, range.high, 5, range.log), x, y, xLabel: "epoch",
      yLabel: shown.name + (range.isEmpty ? ": no finite value" : range.log ? " (logarithmic)" : ""),
    });
    context.save();
    clip(context, box);
    context.lineWidth = size > 300 ? 0.8 : 1.1;
    strokeByScore(context, worstFirst(), trace(context), { alpha: clamp(60 / Math.sqrt(size * 10), 0.3, 0.85) });
    context.restore();
  }

  function drawOver(context, width, height) {
    const box = setScales(width, height);
    context.save();
    clip(context, box);
    if (data.best !== null && chosen[data.best]) strokeOne(context, data.best, trace(context), colours.best);
    if (hot >= 0 && hot !== data.best) strokeOne(context, hot, trace(context), colours.text);
    context.restore();
    if (hot >= 0 && cursor) markPoint(context, cursor, hot === data.best ? colours.best : colours.text);
  }

  function markPoint(context, [trial, k], colour) {
    const value = shown.values[shown.starts[trial] + k];
    context.beginPath();
    context.arc(x(epochAt(trial, k)), y(value), 4, 0, 2 * Math.PI);
    context.fillStyle = colour;
    context.fill();
  }

  const chart = new Chart({
    name: "curves", height: 380, draw, drawOver, role: "application",
    label: "Learning curves of all trials. Up and down go to better and worse trials, left and right along the curve.",
  });

  /** Shows a trial at one of its points. */
  function show(trial, k) {
    cursor = [trial, k];
    point(trial);
    chart.redrawOver();
    const epoch = epochAt(trial, k);
    const value = shown.values[shown.starts[trial] + k];
    const lines = describeTrial(trial);
    lines.splice(1, 0, `epoch ${epoch}: ${shown.name} ${number(value)}`);
    chart.tell(lines, x(epoch), y(value));
  }

  function leave() {
    cursor = null;
    chart.tell(null);
    point(-1);
  }

  /** Returns the nearest point of a curve to an epoch. */
  function nearestPoint(trial, epoch) {
    let best = 0;
    for (let k = 0; k < shown.starts[trial + 1] - shown.starts[trial]; k++) {
      const known = !Number.isNaN(shown.values[shown.starts[trial] + k]);
      if (known && Math.abs(epochAt(trial, k) - epoch) <= Math.abs(epochAt(trial, best) - epoch)) best = k;
    }
    return best;
  }

  /** Returns the height of a curve at an epoch, between two points on the line between them; NaN beyond its end. */
  function heightAt(trial, epoch, k) {
    const [from, end] = [shown.starts[trial], trials.epochs[trial]];
    if (!end || epoch > end + 0.5) return NaN;
    const points = shown.starts[trial + 1] - from;
    const left = Math.min(k, points - 1);
    const right = Math.min(left + 1, points - 1);
    const [a, b] = [epochAt(trial, left), epochAt(trial, right)];
    const share = b > a ? clamp((epoch - a) / (b - a), 0, 1) : 0;
    return y(shown.values[from + left]) * (1 - share) + y(shown.values[from + right]) * share;
  }

  chart.onPointer("pointermove", (atX, atY) => {
    const epoch = clamp(fromX(atX), 1, last);
    let k = 0;
    while (k + 1 < grid.length && grid[k + 1] <= epoch) k++;
    let [nearest, distance] = [-1, 14];
    for (const trial of ranking) {
      if (!chosen[trial]) continue;
      const off = Math.abs(heightAt(trial, epoch, k) - atY);
      if (off < distance) [nearest, distance] = [trial, off];
    }
    if (nearest < 0) leave();
    else show(nearest, nearestPoint(nearest, epoch));
  });
  chart.onLeave(leave);
  chart.onKey((key) => {
    const list = ranking.filter((trial) => chosen[trial] && trials.epochs[trial]);
    const step = ARROWS[key];
    if (key === "Escape") leave();
    if (!step || !list.length) return false;
    const trial = cursor ? list[clamp(list.indexOf(cursor[0]) + step[1], 0, list.length - 1)] : list[0];
    const k = !cursor ? nearestPoint(trial, last) : step[1] ? nearestPoint(trial, epochAt(...cursor)) : cursor[1] + step[0];
    show(trial, clamp(k, 0, shown.starts[trial + 1] - shown.starts[trial] - 1));
    return true;
  });

  function pick(name) {
    shown = readCurves(quantities.find((each) => each.name === name), grid);
    range = findRange();
    cursor = null;
    chart.redraw();
  }
  pick(quantities[0].name);
  views.push(chart);

  const select = el("select", { "aria-label": "Quantity of the learning curves", onchange: (event) => pick(event.target.value) }, quantities.map(({ name }) => el("option", { value: name }, name)));
  const thinned = grid.length && grid.length < last ? ` Curves are drawn through ${grid.length} of ${last} epochs, and their ends.` : "";
  return section(
    "Learning curves",
    `A curve for each trial${data.repeats * data.folds > 1 ? ", the mean over its repeats and folds" : ""}; it ends where the trial did.${size < 4 ? "" : ` The worst values${data.metrics.length ? ", and the outermost of a metric," : ""} lie outside.`}${thinned}`,
    el("div", { class: "controls" }, quantities.length > 1 ? select : null, scoreLegend((trial) => trials.epochs[trial] > 0)),
    chart.node,
  );
}

/** Returns whether one of the trials that are shown has no score. */
function lacksScore(isShown) {
  return trials.score.some((score, trial) => score === null && isShown(trial));
}

/** Returns what the colours of the lines of the trials that are shown mean. */
function scoreLegend(isShown) {
  const [low, high] = [scoreLow, scoreHigh].map((score) => tick(Number((score ?? 0).toPrecision(3))));
  const marks = [];
  if (scoreHigh > scoreLow) marks.push(el("span", { class: "key" }, `score ${sortedScores[0] < scoreLow ? "≤ " : ""}${low}`, el("span", { class: "ramp", "aria-hidden": "true" }), high));
  if (data.best !== null) marks.push(el("span", { class: "key" }, el("span", { class: "stroke best", "aria-hidden": "true" }), "best"));
  if (lacksScore(isShown)) marks.push(el("span", { class: "key" }, el("span", { class: "stroke diverged", "aria-hidden": "true" }), "no score"));
  return el("div", { class: "legend" }, marks);
}
