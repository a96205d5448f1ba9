// A page of a run that goes on reads its file again, when it was opened from the disk, and keeps what was chosen.

const STORE = "jaxnn-report";

function watch() {
  recall();
  if (data.state !== "running" || location.protocol !== "file:") return;
  const age = Date.now() / 1000 - data.written;
  if (age > Math.max(600, 30 * data.reload)) {
    document.getElementById("state").textContent = "no news since then";
    return;
  }
  setTimeout(reload, 1000 * data.reload);
}

/** Reads the file again, unless the reader looks elsewhere or points at a chart. */
function reload() {
  if (document.hidden || document.querySelector(".chart:hover, .chart canvas:focus-visible")) {
    setTimeout(reload, 1000);
    return;
  }
  const parts = [...brushes].map(([axis, part]) => [axes.indexOf(axis), part]);
  remember({ title: data.title, parts });
  location.reload();
}

function remember(what) {
  try {
    sessionStorage.setItem(STORE, JSON.stringify(what));
  } catch {
    // A browser may forbid it; the page then begins anew.
  }
}

/** Chooses what was chosen before the file was read again. */
function recall() {
  try {
    const { title, parts } = JSON.parse(sessionStorage.getItem(STORE) || "{}");
    sessionStorage.removeItem(STORE);
    if (title === data.title && parts.length && parts.every(([k]) => axes[k])) brush(...parts.map(([k, part]) => [axes[k], part]));
  } catch {
    // Nothing was stored.
  }
}
