// The table of trials: the best first, or sorted by a column, of those that are chosen.

const ROWS = 15;

function statusMark(trial) {
  const name = trial === data.best ? "best" : statusOf(trial);
  return el("span", { class: `status ${name}` }, el("span", { class: "dot", "aria-hidden": "true" }), statusOf(trial));
}

/** Returns the columns: a name, the value to sort by, and the text of a cell. */
function listColumns() {
  const spread = data.repeats * data.folds > 1;
  const plain = (name, values, text = number) => ({ name, key: (trial) => values[trial], text: (trial) => text(values[trial]) });
  return [
    { name: "trial", key: (trial) => trial, text: (trial) => String(trial) },
    plain("score", trials.score),
    ...(spread ? [plain("± std", trials.std)] : []),
    { name: "status", words: true, key: (trial) => trials.status[trial], text: statusMark },
    plain("epochs", trials.epochs),
    ...hypers.map((axis) => ({ name: axis.name, words: axis.options.length > 0, key: (trial) => axis.values[trial], text: axis.text })),
    ...data.metrics.map((metric) => plain(metric.name, metric.values)),
    plain("time", trials.seconds, seconds),
  ];
}

function makeTable() {
  const columns = listColumns();
  let sorted = { column: columns[1], up: false };
  let rows = ROWS;
  let open = -1;
  const heads = columns.map((column) => el("th", { scope: "col", class: column.words ? "words" : "" }, el("button", { type: "button", onclick: () => sort(column) }, column.name)));
  const body = el("tbody");
  const counted = el("p", { class: "about", role: "status" });
  const more = el("button", { type: "button", class: "plain", onclick: () => { rows *= 4; fill(); } }, "Show more trials");
  const clear = el("button", { type: "button", class: "plain", onclick: () => { brushes.clear(); choose(); } }, "Show all trials");

  function sort(column) {
    sorted = { column, up: sorted.column === column ? !sorted.up : column !== columns[1] };
    fill();
  }

  function listTrials() {
    const list = ranking.filter((trial) => chosen[trial]);
    if (sorted.column === columns[1]) return sorted.up ? list.reverse() : list;
    const { key } = sorted.column;
    const sign = sorted.up ? 1 : -1;
    const missing = (trial) => (key(trial) === null ? 1 : 0);
    return list.sort((a, b) => missing(a) - missing(b) || sign * (key(a) - key(b)) || a - b);
  }

  function fill() {
    const list = listTrials();
    body.replaceChildren(...list.slice(0, rows).flatMap((trial) => makeRows(trial)));
    heads.forEach((head, i) => head.setAttribute("aria-sort", columns[i] !== sorted.column ? "none" : sorted.up ? "ascending" : "descending"));
    more.hidden = list.length <= rows;
    clear.hidden = !brushes.size;
    counted.textContent = list.length === size ? plural(size, "trial") : `${count(list.length)} of ${plural(size, "trial")} chosen`;
  }

  function makeRows(trial) {
    const cells = columns.map((column, i) => el(i ? "td" : "th", { scope: i ? null : "row", class: column.words ? "words" : "" }, i ? column.text(trial) : openButton(trial)));
    const row = el("tr", { class: trial === data.best ? "best" : "", "data-trial": trial, onpointerenter: () => point(trial), onpointerleave: () => point(-1) }, cells);
    return trial === open ? [row, el("tr", { class: "details" }, el("td", { colspan: columns.length }, describe(trial)))] : [row];
  }

  function openButton(trial) {
    const toggle = () => {
      open = open === trial ? -1 : trial;
      fill();
      body.querySelector(`tr[data-trial="${trial}"] button`).focus();
    };
    return el("button", { type: "button", class: "open", "aria-expanded": String(open === trial), "aria-label": `Trial ${trial}: code and details`, onclick: toggle, onfocus: () => point(trial), onblur: () => point(-1) }, String(trial));
  }

  function describe(trial) {
    const reason = trials.reasons[trial];
    const copies = (trials.copies[trial] || []).map(([epoch, parent, values]) => {
      const hypers = Object.entries(values).map(([name, value]) => `${name} ${number(value)}`);
      return el("li", {}, `After epoch ${epoch}: went on from trial ${parent}, with ${hypers.join(", ")}.`);
    });
    return el("div", {}, reason ? el("p", {}, reason) : null, copies.length ? el("ul", { class: "copies" }, copies) : null, codeLines(trial));
  }

  fill();
  views.push({ redraw: fill, redrawOver: () => {
    for (const row of body.querySelectorAll("tr[data-trial]")) row.classList.toggle("hot", Number(row.dataset.trial) === hot);
  } });
  const scroll = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table of trials" }, el("table", { class: "trials" }, el("thead", {}, el("tr", {}, heads)), body));
  const changed = Object.keys(trials.copies).length ? " Hypers are those at the start; an open trial says how they changed." : "";
  const node = section("Trials", `Open a trial by its number for the code that loads and replays it.${changed}`, el("div", { class: "controls" }, counted, clear), scroll, more);
  return node;
}

/** Returns the two lines that load a trial and compute it again. */
function codeLines(trial) {
  const kept = data.kept.includes(trial);
  const folder = data.directory ? JSON.stringify(data.directory) : null;
  const result = folder ? `nn.sweeps.load(${folder})` : "result";
  const load = kept ? `params = ${result}.params(${trial})` : `hypers = ${result}.hypers_of(${trial})`;
  const again = folder ? `nn.sweep(…, directory=${folder})` : "result";
  const lines = [[load, kept ? "its parameters" : "its hypers"]];
  if (trials.score_epoch[trial]) lines.push([`params, curves = ${again}.replay(${trial})`, "computed again, to the same bits"]);
  return el("dl", { class: "code" }, lines.map(([code, what]) => [el("dt", {}, what), el("dd", {}, el("code", {}, code))]));
}
