"use strict";
const value = (row, at) => {
  const cell = row.cells[at];
  return cell.dataset.value === undefined ? cell.textContent : cell.dataset.value;
};
const compare = (a, b) => {
  if (a === "" || b === "") return (a === "") - (b === "");
  const x = a === "inf" ? Infinity : Number(a), y = b === "inf" ? Infinity : Number(b);
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y || 0;
  return a.localeCompare(b);
};
const sort = (head) => {
  const table = head.closest("table"), body = table.tBodies[0];
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.querySelectorAll("th")) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...body.rows].sort((a, b) => {
    const x = value(a, head.cellIndex), y = value(b, head.cellIndex);
    const missing = (x === "") - (y === "");
    return missing || (down ? -1 : 1) * compare(x, y);
  });
  body.append(...rows);
};
const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const download = (table) => {
  const heads = [...table.querySelectorAll("th")].map((head) => head.dataset.key);
  const lines = [...table.tBodies[0].rows].map((row) => heads.map((_, at) => value(row, at)));
  const csv = [heads, ...lines].map((line) => line.map(quoted).join(",") + "\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
  link.download = `${table.dataset.name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a busy machine starts late
};
const highlight = (key, on) => {
  const figure = key.closest("figure"), name = key.textContent;
  for (const series of figure.querySelectorAll("svg .series")) {
    series.classList.toggle("dim", on && series.querySelector("title").textContent !== name);
  }
};
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sort(button.closest("th")));
}
for (const button of document.querySelectorAll("button.csv")) {
  button.addEventListener("click", () => download(button.parentElement.querySelector("table")));
}
for (const key of document.querySelectorAll(".key")) {
  key.addEventListener("mouseenter", () => highlight(key, true));
  key.addEventListener("mouseleave", () => highlight(key, false));
}
addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details:not([open])")) {
    if (each.parentElement.closest("details")) continue; // the rows behind a map are for machines
    each.open = true;
    each.dataset.print = "";
  }
});
addEventListener("afterprint", () => {
  for (const each of document.querySelectorAll("details[data-print]")) {
    each.open = false;
    delete each.dataset.print;
  }
});
