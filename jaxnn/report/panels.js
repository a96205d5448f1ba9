// The head of the page, what the data say in words, and the facts of the run.

/** Returns the head of a page: what it shows, and the number that matters. */
function makeHead() {
  document.title = `${data.title} · jaxnn`;
  const when = new Date(1000 * data.written).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  const device = data.facts.find(([name]) => name === "device");
  const parts = [`jaxnn ${data.kind === "sweep" ? "sweep" : "training"}`, when, ...(data.seconds === null ? [] : [seconds(data.seconds)]), ...(device ? [device[1]] : [])];
  const state = data.error ? "ended by an exception" : { running: "running", unfinished: "not ended" }[data.state];
  return el("header", {},
    el("p", { class: "kicker" }, parts.join(" · "), state ? el("span", { class: "badge", id: "state" }, state) : null),
    el("h1", {}, data.title),
    data.error ? el("p", { class: "error" }, data.error) : null,
    data.kind === "sweep" ? makeLead() : makeTrainingLead(),
  );
}

/** Returns the best score with its trial, and the numbers of trials. */
function makeLead() {
  const { best } = data;
  const counts = STATUS.map((name, i) => [name, trials.status.filter((status) => status === i).length]).filter(([, amount]) => amount);
  const list = el("ul", { class: "counts" }, counts.map(([name, amount]) => el("li", { class: `status ${name}` }, el("span", { class: "dot", "aria-hidden": "true" }), el("b", {}, count(amount)), ` ${name === "unfinished" && data.state === "running" ? "to end" : name}`)));
  if (best === null) return el("div", { class: "lead" }, el("p", {}, size ? "No trial has a score." : "No trial has ended yet."), list);
  const spread = data.repeats * data.folds > 1 ? ` ± ${number(trials.std[best], 2)}` : "";
  const settings = hypers.filter((axis) => axis.values[best] !== null);
  return el("div", { class: "lead" },
    el("div", { class: "figure" },
      el("div", { class: "value" }, number(trials.score[best]), el("span", { class: "spread" }, spread)),
      el("div", { class: "unit" }, `best score: ${data.score}`),
      el("div", { class: "unit" }, `trial ${best}, after ${plural(trials.score_epoch[best], "epoch")}`)),
    el("dl", { class: "settings" }, settings.map((axis) => el("div", {}, el("dt", {}, axis.name), el("dd", {}, axis.text(best))))),
    list,
  );
}

/** Returns the sentences about the data. */
function makeNotes() {
  return section("What the data say", null, el("ul", { class: "notes" }, data.notes.map((note) => el("li", {}, note))));
}

/** Returns a bar for each hyper: its importance for the score. */
function makeImportance() {
  const rows = data.importance.map(([name, share]) => {
    const bar = el("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${100 * share}%`;
    return el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, `${(100 * share).toFixed(0)} %`), el("td", { class: "track" }, bar));
  });
  return section("Importance of the hypers", "How much worse a random forest predicts the rank of a score when the values of a hyper are exchanged between trials, as a share of all hypers.", el("table", { class: "bars" }, el("tbody", {}, rows)));
}

/** Returns a word as a shell takes it. */
function quoteForShell(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

/** Returns the facts about the run as a list of names and values. */
function makeFacts() {
  const facts = [...data.facts];
  if (data.kind === "sweep") {
    facts.unshift(["epochs of a trial, at most", count(data.epochs)]);
    if (data.folds > 1) facts.unshift(["folds", count(data.folds)]);
    if (data.repeats > 1) facts.unshift(["repeats", count(data.repeats)]);
  }
  if (data.seconds !== null) facts.unshift(["time", seconds(data.seconds)]);
  if (data.directory) facts.push(["directory", data.directory]);
  const more = data.thorough === false && data.directory ? `python -m jaxnn.report ${quoteForShell(data.directory)} adds what takes longer to compute, such as the importance of the hypers.` : null;
  return section("The run", more, el("dl", { class: "facts" }, facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))));
}
