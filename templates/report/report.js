"use strict";
// A click on a heading sorts its table; a second one turns the order round.
for (const table of document.querySelectorAll(".wide > table")) {
  const heads = [...table.tHead.rows[0].cells];
  const shown = (cell) => cell.dataset.v === undefined ? cell.textContent : cell.dataset.v;
  const compare = (one, other) => {
    if (!one || !other) return (one ? 0 : 1) - (other ? 0 : 1);   // what is missing comes last
    return isNaN(one) || isNaN(other) ? one.localeCompare(other, undefined, {numeric: true}) : one - other;
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const way = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      for (const one of heads) one.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", way);
      const sign = way === "ascending" ? 1 : -1;
      const rows = [...table.tBodies[0].rows].map((row) => [shown(row.cells[column]), row]);
      rows.sort(([one], [other]) => compare(one, other) * (one && other ? sign : 1));
      table.tBodies[0].append(...rows.map(([, row]) => row));
    });
  });
}
