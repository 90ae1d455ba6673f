"use strict";
// Filters, sorting and the comparison of two runs; the page can be read without.
(() => {
  const find = (selector, place = document) => [...place.querySelectorAll(selector)];
  const number = new Intl.NumberFormat("en");

  function filterJobs() {
    const text = document.getElementById("filter").value.toLowerCase();
    const verdict = document.getElementById("verdict").value;
    let shown = 0;
    for (const row of find("tr.job")) {
      const fits = row.textContent.toLowerCase().includes(text) && (!verdict || row.dataset.verdict === verdict);
      row.hidden = !fits;
      shown += fits;
    }
    document.getElementById("shown").textContent = `${shown} shown`;
  }

  function value(row, column) {
    const cell = row.children[column];
    return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
  }

  function sort(table, column, head) {
    const down = head.getAttribute("aria-sort") === "ascending";
    find("th", table).forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((first, second) => {
      const [a, b] = [value(first, column), value(second, column)];
      const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
      return down ? -order : order;
    });
    body.append(...rows);
  }

  const past = JSON.parse(document.getElementById("past").textContent);

  function cell(text, changed, numeric) {
    const made = document.createElement("td");
    made.textContent = text === null || text === undefined ? "" : numeric ? number.format(text) : text;
    if (numeric) { made.className = "number"; made.dataset.value = text ?? 0; }
    if (changed) made.classList.add("changed");
    return made;
  }

  function compare() {
    const [a, b] = ["run-a", "run-b"].map((id) => past[document.getElementById(id).value]);
    const body = document.querySelector("#compare-table tbody");
    body.replaceChildren();
    if (!a || !b) return;
    let different = 0;
    for (const name of [...new Set([...Object.keys(a.jobs), ...Object.keys(b.jobs)])].sort()) {
      const [first, second] = [a.jobs[name] ?? ["not run", null, null, ""], b.jobs[name] ?? ["not run", null, null, ""]];
      const verdict = first[0] !== second[0];
      const cycles = first[3] === second[3] && first[2] !== second[2];
      different += verdict || cycles;
      const row = document.createElement("tr");
      row.append(cell(name), cell(first[0], verdict), cell(second[0], verdict), cell(first[2], cycles, true),
        cell(second[2], cycles, true), cell(first[1], false, true), cell(second[1], false, true));
      body.append(row);
    }
    document.getElementById("differences").textContent = `${different} jobs differ in verdict or cycles`;
  }

  for (const table of find("table.sortable")) {
    find("th", table).forEach((head, column) => head.addEventListener("click", () => sort(table, column, head)));
  }
  document.getElementById("filter").addEventListener("input", filterJobs);
  document.getElementById("verdict").addEventListener("change", filterJobs);
  filterJobs();
  ["run-a", "run-b"].forEach((id, place) => {
    const select = document.getElementById(id);
    past.forEach((run, index) => select.append(new Option(`${run.name} (${run.suite})`, index)));
    select.value = String(Math.max(past.length - 2 + place, 0));
    select.addEventListener("change", compare);
  });
  compare();
})();
