// The trials of a sweep, which of them are chosen, and which one the pointer is at.

const trials = data.trials || { status: [], score: [], epochs: [] };
const size = trials.status.length;
const STATUS = data.statuses || [];

/** Returns the name of a trial's status. */
function statusOf(trial) {
  return STATUS[trials.status[trial]];
}

const scored = [...Array(size).keys()].filter((trial) => trials.score[trial] !== null);
const sortedScores = scored.map((trial) => trials.score[trial]).sort((a, b) => a - b);
// The colours begin at the median: with the lowest scores, all good ones would get one colour.
const scoreLow = quantile(sortedScores, 0.5);
const scoreHigh = sortedScores[sortedScores.length - 1];

/** Returns 0 for a low score, 1 for the highest, null without one. */
function level(trial) {
  const score = trials.score[trial];
  if (score === null) return null;
  return scoreHigh > scoreLow ? clamp((score - scoreLow) / (scoreHigh - scoreLow), 0, 1) : 1;
}

// The best first; trials without a score last.
const ranking = [...Array(size).keys()].sort((a, b) => order(b) - order(a) || a - b);
function order(trial) {
  return trials.score[trial] === null ? -Infinity : trials.score[trial];
}

/** An axis of trials: `unit` gives the place of a trial, from 0 to 1, or null. */
function makeAxis({ name, values, options, log, low, high }) {
  const known = values.filter((value) => value !== null);
  const from = options.length ? 0 : low ?? Math.min(...ends(known));
  const to = options.length ? options.length - 1 : high ?? Math.max(...ends(known));
  const scale = log && from > 0 ? Math.log : (value) => value;
  const [first, span] = [scale(from), scale(to) - scale(from)];
  const place = options.length
    ? (value) => (value + 0.5) / options.length
    : (value) => (span > 0 ? clamp((scale(value) - first) / span, 0, 1) : 0.5);
  // Trials of one option lie side by side; the shift of a trial is always the same.
  const shift = (trial) => (options.length ? (((trial * 0.618034) % 1) - 0.5) * (0.5 / options.length) : 0);
  return {
    name, values, options, log: log && from > 0, low: from, high: to, place,
    unit: (trial) => (values[trial] === null ? null : place(values[trial]) + shift(trial)),
    at: (unit) => (options.length ? options[clamp(Math.floor(unit * options.length), 0, options.length - 1)] : number(log && from > 0 ? Math.exp(first + unit * span) : first + unit * span, 3)),
    text: (trial) => (values[trial] === null ? "–" : options.length ? options[values[trial]] : number(values[trial])),
  };
}

/** Returns the least and the largest of many numbers. */
function ends(values) {
  return values.length ? values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]) : [0, 1];
}

const hypers = (data.hypers || []).map(makeAxis);
// The few worst scores, far below the median, lie on the lower end of the axis: they would press all others together.
const scoreFloor = scored.length ? Math.max(sortedScores[0], scoreLow - 3 * (scoreHigh - scoreLow || 1)) : 0;
const scoreAxis = makeAxis({ name: "score", values: trials.score, options: [], log: false, low: scoreFloor, high: scoreHigh ?? 1 });
const axes = [...hypers, scoreAxis];

// What is chosen: for each axis the part of it in which trials must lie.
const brushes = new Map();
const chosen = new Uint8Array(size).fill(1);
let hot = -1;
const views = [];

/** Chooses the trials that lie in all brushes, and draws every view again. */
function choose() {
  for (let trial = 0; trial < size; trial++) chosen[trial] = isChosen(trial) ? 1 : 0;
  views.forEach((view) => view.redraw());
}

function isChosen(trial) {
  for (const [axis, [low, high]] of brushes) {
    const at = axis.unit(trial);
    if (at === null || at < low || at > high) return false;
  }
  return true;
}

/** Sets the parts of axes in which trials must lie; null is everywhere. */
function brush(...parts) {
  for (const [axis, part] of parts) {
    if (part) brushes.set(axis, part);
    else brushes.delete(axis);
  }
  choose();
}

/** Returns what a note says of the part of an axis that is chosen. */
function describeBrush(axis) {
  const part = brushes.get(axis);
  if (!part) return [axis.name, "all values: up and down choose a part"];
  const names = [...new Set([axis.at(part[0]), axis.at(part[1])])];
  return [`${axis.name} ${names.join(" to ")}`, `${count(chosen.reduce((sum, each) => sum + each, 0))} of ${plural(size, "trial")}`];
}

/** Makes a trial the one that all views show; -1 is none. */
function point(trial) {
  if (trial === hot) return;
  hot = trial;
  views.forEach((view) => view.redrawOver());
}

/** Returns the trials to draw, the worst first, so that the best lie above. */
function worstFirst() {
  return ranking.filter((trial) => chosen[trial]).reverse();
}

/** Returns what a note says of a trial. */
function describeTrial(trial) {
  const score = trials.score[trial];
  const first = `Trial ${trial}` + (trial === data.best ? ", the best" : "");
  const ended = `${statusOf(trial)}, ${plural(trials.epochs[trial], "epoch")}`;
  return [first, score === null ? ended : `score ${number(score)} · ${ended}`, ...hypers.filter((axis) => axis.values[trial] !== null).slice(0, 12).map((axis) => `${axis.name} ${axis.text(trial)}`)];
}

// Lines of a colour are drawn some together: one by one takes longer, and so does a path of thousands that cross.
const [SHADES, TOGETHER] = [12, 10];

/** Returns whether a trial has ended, so that it has a line of hypers and a score or none. */
function hasEnded(trial) {
  return statusOf(trial) !== "unfinished";
}

/** Calls `trace(trial)` for the trials of each shade between two strokes, the worst first. */
function strokeByScore(context, list, trace, { alpha, faded }) {
  const shades = Array.from({ length: SHADES + 1 }, () => []);
  for (const trial of list) {
    const share = level(trial);
    shades[share === null ? 0 : 1 + Math.min(SHADES - 1, Math.floor(share * SHADES))].push(trial);
  }
  shades.forEach((members, shade) => {
    context.globalAlpha = faded ? 0.5 : alpha;
    context.strokeStyle = faded ? colours.line : shade ? mix(colours.low, colours.high, (shade - 1) / (SHADES - 1)) : colours.diverged;
    for (let start = 0; start < members.length; start += TOGETHER) {
      context.beginPath();
      members.slice(start, start + TOGETHER).forEach(trace);
      context.stroke();
    }
  });
  context.globalAlpha = 1;
}

/** Draws a trial above all others: the best, or the one at the pointer. */
function strokeOne(context, trial, trace, colour) {
  for (const [width, style] of [[5, colours.page], [2.25, colour]]) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.beginPath();
    trace(trial);
    context.stroke();
  }
}
