// Puts the page together.

function makeSections() {
  const sections = [makeHead()];
  if (data.kind === "sweep" && size) sections.push(makeCurves(), makeParallel(), makeScatters(), makeTable());
  if (data.kind === "train" && data.epochs) sections.push(...makeTraining());
  sections.push(makeFacts());
  return sections;
}

readColours();
document.getElementById("page").replaceChildren(...makeSections());
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  charts.forEach((chart) => chart.redraw());
});
document.documentElement.dataset.ready = "true";
