// The head of the page, what the data say in words, and what the run took.

/** Returns the head of a page: what it shows, and the number that matters. */
function makeHead() {
  document.title = `${data.title} · jaxnn`;
  const when = new Date(1000 * data.written).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  const state = { running: "running", unfinished: "not ended" }[data.state];
  return el("header", {},
    el("p", { class: "kicker" }, `jaxnn ${data.kind === "sweep" ? "sweep" : "training"} · ${when}`, state ? el("span", { class: "badge" }, state) : null),
    el("h1", {}, data.title),
    data.kind === "sweep" ? makeLead() : makeTrainingLead(),
  );
}

/** Returns the best score with its trial, and the numbers of trials. */
function makeLead() {
  const { best } = data;
  if (best === null) return el("p", { class: "lead" }, "No trial has a score yet.");
  const spread = data.repeats * data.folds > 1 ? ` ± ${number(trials.std[best], 2)}` : "";
  const settings = hypers.filter((axis) => axis.values[best] !== null);
  return el("div", { class: "lead" },
    el("div", { class: "figure" },
      el("div", { class: "value" }, number(trials.score[best]), el("span", { class: "spread" }, spread)),
      el("div", { class: "unit" }, `best score: ${data.score}`),
      el("div", { class: "unit" }, `trial ${best}, after ${plural(trials.score_epoch[best], "epoch")}`)),
    el("dl", { class: "settings" }, settings.map((axis) => el("div", {}, el("dt", {}, axis.name), el("dd", {}, axis.text(best))))),
    el("ul", { class: "counts" }, STATUS.map((name, i) => [name, trials.status.filter((status) => status === i).length]).filter(([, amount]) => amount).map(([name, amount]) => el("li", { class: `status ${name}` }, el("span", { class: "dot", "aria-hidden": "true" }), el("b", {}, count(amount)), ` ${name}`))),
  );
}

/** Returns the facts about the run as a list of names and values. */
function makeFacts() {
  const facts = [...data.facts];
  if (data.directory) facts.push(["directory", data.directory]);
  return section("The run", null, el("dl", { class: "facts" }, facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))));
}
