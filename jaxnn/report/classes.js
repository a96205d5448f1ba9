// The classes of the best trial, or of a training: a matrix of observed and predicted ones, and the wrongest examples.

function makeClasses() {
  const { matrix, wrong, rows, total, wrongest, number: judge } = data.classes;
  const by = data.kind === "train" ? `after ${plural(judge, "epoch")}` : `by trial ${judge}`;
  const share = `${plural(wrong, "wrong row")} of ${count(rows)}, ${((100 * wrong) / rows).toFixed(1)} %, ${by}, among the ${total > rows ? `first of ${count(total)} ` : ""}validation rows.`;
  return section("Classes", `${share} Observed classes are rows, predicted ones columns.`, el("div", { class: "pair" }, makeMatrix(matrix), wrongest.length ? makeWrongest(wrongest) : null));
}

function makeMatrix(matrix) {
  const head = el("tr", {}, el("td", {}), matrix.map((_, i) => el("th", { scope: "col" }, String(i))));
  const body = matrix.map((row, i) => {
    const total = Math.max(1, row.reduce((sum, amount) => sum + amount, 0));
    const cells = row.map((amount, j) => {
      const cell = el("td", { class: amount ? (i === j ? "right" : "wrong") : "zero" }, count(amount));
      // The square root makes a few errors visible beside zeros.
      if (amount) cell.style.setProperty("--share", `${(100 * Math.sqrt(amount / total)).toFixed(1)}%`);
      // Black and white text differ alike from the colour of a cell at these shares, in dark and light.
      if (amount / total > 0.416) cell.classList.add("strong");
      if (amount / total > 0.875) cell.classList.add("full");
      return cell;
    });
    return el("tr", {}, el("th", { scope: "row" }, String(i)), cells);
  });
  return el("div", { class: "scroll plain", tabindex: 0, role: "region", "aria-label": "Confusion matrix" }, el("table", { class: "matrix" }, el("thead", {}, head), el("tbody", {}, body)));
}

/** Returns the wrong examples whose own class has the least probability. */
function makeWrongest(wrongest) {
  const hasPictures = wrongest.some((each) => each.picture);
  const heads = [...(hasPictures ? ["image"] : []), "row", "observed", "predicted", "probability of both"];
  const rows = wrongest.map((each) => el("tr", {},
    hasPictures ? el("td", {}, each.picture ? drawPicture(each.picture) : null) : null,
    el("td", {}, count(each.row)), el("td", {}, String(each.label)), el("td", {}, String(each.predicted)),
    el("td", {}, `${percent(each.own)} · ${percent(each.claimed)}`)));
  return el("div", {}, el("h3", {}, "The wrongest"), el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "The wrongest examples" }, el("table", { class: "small" }, el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, rows))));
}

function drawPicture({ height, width, pixels }) {
  const canvas = el("canvas", { class: "picture", width, height, role: "img", "aria-label": "input" });
  const bytes = Uint8Array.from(atob(pixels), (sign) => sign.charCodeAt(0));
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set([bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2], 255], 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
