(() => {
  "use strict";
  const form = document.getElementById("filter");
  const count = document.getElementById("count");
  const note = document.getElementById("filtered");
  const rows = Array.from(document.querySelectorAll("main .row"));
  const once = rows.filter((row) => !row.classList.contains("again"));
  const number = new Intl.NumberFormat("en-US");
  const boxes = Array.from(form.elements.severity);
  const changed = form.elements.changed;
  const reset = form.querySelector("button[type=reset]");
  const selects = Array.from(form.querySelectorAll("select"));

  /* Rows */

  const levelsOf = (row) => (row.dataset.level || "").split(" ").map((part) => part.split(":"));
  const checksOf = (row) => levelsOf(row).reduce((sum, part) => sum + Number(part[1] || 0), 0);
  const headings = new Map();
  const texts = new Map();
  const textOf = (row) => {
    if (!texts.has(row)) {
      const card = row.closest(".control");
      if (card && !headings.has(card)) {
        headings.set(card, card.querySelector("h4").textContent + " " + card.querySelector(".rule").textContent);
      }
      texts.set(row, ((headings.get(card) || "") + " " + row.textContent).toLowerCase());
    }
    return texts.get(row);
  };

  /* People whom their rows do not name: they are found all the same. */

  const listed = document.getElementById("people");
  let index = null; /* read at the first search: it may hold 100,000 names */
  const numbered = new Map();
  for (const row of rows) {
    for (const at of (row.dataset.row || "").split(" ").filter(Boolean)) {
      numbered.set(Number(at), [...(numbered.get(Number(at)) || []), row]);
    }
  }
  const nobody = { people: [], where: new Set(), elsewhere: false };
  const found = new Map();
  const peopleWith = (words) => {
    if (!listed || words.length === 0) { return nobody; }
    if (!index) {
      index = JSON.parse(listed.textContent);
      index.lowered = index.people.map((person) => person[0].toLowerCase());
    }
    const key = words.join(" ");
    if (!found.has(key)) {
      const people = [];
      const where = new Set();
      let elsewhere = false;
      index.lowered.forEach((name, at) => {
        if (!words.every((word) => name.includes(word))) { return; }
        people.push(index.people[at][0]);
        for (const place of index.rows[index.people[at][1]]) {
          const of = numbered.get(place);
          if (of) { of.forEach((row) => where.add(row)); } else { elsewhere = true; }
        }
      });
      if (found.size > 50) { found.clear(); }
      found.set(key, { people, where, elsewhere });
    }
    return found.get(key);
  };
  const total = once.reduce((sum, row) => sum + checksOf(row), 0);

  const fitsOne = {
    status: (row, value) => row.dataset.status === value,
    topic: (row, value) => row.dataset.topic === value,
    control: (row, value) => row.dataset.control === value,
    owner: (row, value) => row.dataset.owner === value,
    level: (row, value) => levelsOf(row).some((part) => part[0] === value),
    group: (row, value, at) => (row.dataset.group || "").split(" ").includes(at),
  };

  /* The state of the filter: what is not as it was at first, as name and value. */

  const state = () => {
    const held = new URLSearchParams();
    const words = form.elements.q.value.trim();
    const severities = boxes.filter((box) => box.checked).map((box) => box.value);
    if (words) { held.set("q", words); }
    if (severities.length < boxes.length) { held.set("severity", severities.join(",")); }
    for (const select of selects) {
      if (select.value) { held.set(select.name, select.value); }
    }
    if (changed.checked) { held.set("changed", "1"); }
    return held;
  };

  const restore = (held) => {
    form.elements.q.value = held.get("q") || "";
    const severities = held.has("severity") ? held.get("severity").split(",") : null;
    for (const box of boxes) { box.checked = !severities || severities.includes(box.value); }
    for (const select of selects) {
      select.value = held.get(select.name) || "";
      if (select.selectedIndex < 0) { select.value = ""; }
    }
    changed.checked = held.get("changed") === "1" && !changed.closest("label").hidden;
  };

  const holders = [".band", ".control", ".cause", "main table", "main section"]
    .map((selector) => Array.from(document.querySelectorAll(selector)))
    .flat()
    .map((holder) => ({ holder, inside: Array.from(holder.querySelectorAll(".row")) }))
    .filter((each) => each.inside.length > 0);

  const apply = () => {
    const held = state();
    const words = (held.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
    const severities = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const wanted = selects.filter((select) => select.value).map((select) => ({
      fits: fitsOne[select.name],
      value: select.value,
      at: select.selectedOptions[0].dataset.at,
    }));
    let shown = 0;
    let checks = 0;
    const beyond = peopleWith(words);
    const says = (row) => {
      const missing = words.filter((word) => !textOf(row).includes(word));
      return missing.length === 0 || beyond.where.has(row) ||
        (missing.length < words.length && row.dataset.row && peopleWith(missing).where.has(row));
    };
    for (const row of rows) {
      const fits =
        severities.has(row.dataset.severity) &&
        (!changed.checked || "changed" in row.dataset) &&
        wanted.every((want) => want.fits(row, want.value, want.at)) &&
        says(row);
      row.hidden = !fits;
      if (fits && !row.classList.contains("again")) {
        shown += 1;
        checks += checksOf(row);
      }
    }
    for (const { holder, inside } of holders) {
      const none = inside.every((row) => row.hidden);
      if (holder.tagName === "SECTION") {
        holder.classList.toggle("no-fit", none);
      } else {
        holder.hidden = none;
      }
    }
    const told =
      number.format(shown) + " of " + number.format(once.length) + " rows, " +
      number.format(checks) + " of " + number.format(total) + " checks";
    const filtered = held.size > 0;
    count.textContent = told;
    const names = beyond.people.slice(0, 5).join(", ") +
      (beyond.people.length > 5 ? " and " + number.format(beyond.people.length - 5) + " more" : "");
    const also = (names ? " Found beyond the names in the rows: " + names + "." : "") +
      (beyond.elsewhere ? " They have findings in rows that this file leaves out, too; the JSON report has all." : "");
    note.textContent = filtered ? "A filter is on: " + told + " shown." + also : "";
    note.hidden = !filtered;
    reset.hidden = !filtered;
  };

  /* The address: `#q=…&status=…&sort=…&at=deviations`, or a place in the page alone. */

  const isState = (hash) => hash.includes("=");
  const sorted = new Map();
  let place = "";

  const write = () => {
    const held = state();
    if (sorted.size > 0) {
      held.set("sort", Array.from(sorted, ([table, way]) => [table, ...way].join(".")).join(","));
    }
    if (place && held.size > 0) { held.set("at", place); }
    const hash = held.size > 0 ? held.toString() : place;
    history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
  };

  const go = (id) => {
    const target = document.getElementById(id);
    if (target) { target.scrollIntoView(); }
  };

  const read = () => {
    const hash = location.hash.slice(1);
    if (isState(hash)) {
      const held = new URLSearchParams(hash);
      restore(held);
      place = held.get("at") || "";
      for (const each of (held.get("sort") || "").split(",").filter(Boolean)) {
        const [table, column, way] = each.split(".");
        sort(Number(table), Number(column), way);
      }
      apply();
      if (place) { go(place); }
      return;
    }
    place = hash;
    if (state().size > 0 || sorted.size > 0) { write(); }
  };

  /* Tables that sort */

  const tables = Array.from(document.querySelectorAll("table.sortable"));

  const keyOf = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.sort || cell.textContent.trim();
    const plain = text.replace(/,/g, "");
    return /^-?\d+(\.\d+)?$/.test(plain) ? Number(plain) : text.toLowerCase();
  };

  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") { return a - b; }
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };

  const sort = (at, column, way) => {
    const table = tables[at];
    if (!table || !table.tHead.rows[0].cells[column]) { return; }
    const body = table.tBodies[0];
    const keyed = Array.from(body.rows, (row) => [keyOf(row, column), row]);
    const sign = way === "down" ? -1 : 1;
    keyed.sort((a, b) => sign * compare(a[0], b[0]));
    body.append(...keyed.map((each) => each[1]));
    for (const head of table.tHead.rows[0].cells) { head.removeAttribute("aria-sort"); }
    table.tHead.rows[0].cells[column].setAttribute("aria-sort", way === "down" ? "descending" : "ascending");
    sorted.set(at, [column, way]);
  };

  tables.forEach((table, at) => {
    if (table.tBodies[0].rows.length < 2) { return; }
    Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("count");
        const now = head.getAttribute("aria-sort");
        const first = numeric ? "down" : "up";
        const other = numeric ? "up" : "down";
        const isFirst = now === (numeric ? "descending" : "ascending");
        sort(at, column, isFirst ? other : first);
        write();
      });
    });
  });

  /* Times as people here know them */

  const here = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const zone = here.resolvedOptions().timeZone;
  const times = document.querySelectorAll("time[datetime]");
  for (const time of times) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) { time.title = here.format(moment) + " (" + zone + ")"; }
  }
  const started = document.querySelector(".run time");
  if (started && started.title && zone !== "UTC") {
    document.getElementById("local").textContent = started.title;
  }

  /* A deviation as JSON, put together from what its row shows. */

  const said = document.getElementById("said");
  const textIn = (holder, selector) => {
    const found = holder.querySelector(selector);
    return found ? found.textContent.replace(/\s+/g, " ").trim() : null;
  };
  const valueOf = (text) => {
    try { return JSON.parse(text); } catch { return text; }
  };
  const nameOf = (holder) => {
    const name = holder.querySelector("bdi");
    const email = holder.querySelector("small bdi");
    return email ? { name: name.textContent, email: email.textContent } : { name: name.textContent };
  };
  const factsOf = (row) => Object.fromEntries(Array.from(row.querySelectorAll(".facts > div"), (fact) => [
    fact.querySelector("dt").textContent.toLowerCase().replace(/ /g, "_"),
    Array.from(fact.querySelectorAll("dd"), (each) => each.textContent.replace(/\s+/g, " ").trim()).join("\n"),
  ]));
  const asJson = (row) => {
    const listed = row.querySelector(".names");
    const scopes = listed
      ? Array.from(listed.querySelectorAll("li"), nameOf)
      : Array.from(row.querySelectorAll(".where bdi"), (name) => ({ name: name.textContent }));
    const count = checksOf(row);
    const told = {
      control: row.dataset.control,
      title: textIn(row.closest(".control"), ".rule-title"),
      setting: textIn(row, "code.setting"),
      status: row.dataset.status,
      severity: row.dataset.severity,
      observed: valueOf(row.dataset.is || "null"),
      expected: valueOf(row.dataset.asked || "null"),
      levels: Object.fromEntries(levelsOf(row).map(([level, checks]) => [level, Number(checks)])),
      scopes: scopes,
      ...(count > scopes.length && scopes.length > 0 ? { scopes_not_named: count - scopes.length } : {}),
      ...factsOf(row),
      ...(row.dataset.mark ? { fingerprint: row.dataset.mark } : {}),
    };
    return JSON.stringify(told, null, 2);
  };

  const say = (text) => {
    said.textContent = "";
    setTimeout(() => { said.textContent = text; }, 50);
  };

  const show = (holder, text) => {
    let area = holder.querySelector("textarea");
    if (!area) {
      area = document.createElement("textarea");
      area.readOnly = true;
      area.setAttribute("aria-label", "This deviation as JSON");
      holder.append(area);
    }
    area.value = text;
    area.focus();
    area.select();
    say("The browser does not let this page use the clipboard. The JSON is selected: copy it from here.");
  };

  const copy = async (row, button) => {
    const text = asJson(row);
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      show(button.parentElement, text);
      return;
    }
    say("Copied as JSON.");
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy as JSON"; }, 2000);
  };

  document.addEventListener("toggle", (event) => {
    const row = event.target.parentElement;
    const holder = row.matches(".rows > .row") ? row.querySelector(".open") : null;
    if (!holder || holder.querySelector(".copy")) { return; }
    const part = document.createElement("div");
    const button = document.createElement("button");
    part.className = "copy";
    button.type = "button";
    button.textContent = "Copy as JSON";
    button.addEventListener("click", () => copy(row, button));
    part.append(button);
    holder.append(part);
  }, true);

  /* Paper: what matters is open. */

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = Array.from(document.querySelectorAll(
      ".control .row details:not([open]), .cause .row details:not([open])"
    ));
    closed.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => {
    closed.forEach((details) => { details.open = false; });
    closed = [];
  });

  if (rows.length > 0) {
    changed.closest("label").hidden = !rows.some((row) => "changed" in row.dataset);
    for (const select of selects) {
      select.closest("label").hidden = select.options.length < 2;
    }
    form.hidden = false;
    form.addEventListener("input", () => { apply(); write(); });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => { apply(); write(); form.elements.q.focus(); }));
    addEventListener("hashchange", read);
    apply();
    read();
  }
})();
