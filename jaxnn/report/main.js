// Puts the page together.

function makeSections() {
  if (data.kind === "train") return [makeHead(), ...(data.epochs ? makeTraining() : []), ...(data.classes ? [makeClasses()] : []), makeFacts()];
  const sections = [makeHead()];
  if (data.notes.length) sections.push(makeNotes());
  if (size) sections.push(makeCurves());
  if (size && hypers.length) sections.push(makeParallel(), makeScatters());
  if (size) sections.push(makeTable());
  if (data.importance) sections.push(makeImportance());
  if (data.classes) sections.push(makeClasses());
  if (data.lanes.workers.length) sections.push(makeTime());
  sections.push(makeFacts());
  return sections;
}

readColours();
document.getElementById("page").replaceChildren(...makeSections());
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  charts.forEach((chart) => chart.redraw());
});
window.addEventListener("beforeprint", () => charts.forEach((chart) => chart.catchUp()));
watch();
document.documentElement.dataset.ready = "true";
