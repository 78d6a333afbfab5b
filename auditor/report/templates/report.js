(() => {
  "use strict";
  const form = document.getElementById("filter");
  const find = document.getElementById("find");
  const status = document.getElementById("status");
  const count = document.getElementById("count");
  const rows = Array.from(document.querySelectorAll("main .row"));
  const holders = Array.from(document.querySelectorAll("main .control, main .cause"));
  const texts = new Map();

  const textOf = (row) => {
    if (!texts.has(row)) {
      const holder = row.closest(".control");
      const heading = holder ? holder.querySelector("h3").textContent : "";
      texts.set(row, (heading + " " + row.textContent).toLowerCase());
    }
    return texts.get(row);
  };

  const apply = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const severities = new Set(
      Array.from(form.querySelectorAll("input[name=severity]:checked"), (box) => box.value)
    );
    let shown = 0;
    for (const row of rows) {
      const fits =
        severities.has(row.dataset.severity) &&
        (!status.value || status.value === row.dataset.status) &&
        words.every((word) => textOf(row).includes(word));
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    for (const holder of holders) {
      holder.hidden = !holder.querySelector(".row:not([hidden])");
    }
    count.textContent = shown + " of " + rows.length + " rows";
  };

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = Array.from(document.querySelectorAll(".row details:not([open])"));
    closed.forEach((details) => { details.open = true; });
  });
  addEventListener("afterprint", () => {
    closed.forEach((details) => { details.open = false; });
  });

  if (rows.length > 0) {
    form.hidden = false;
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
    apply();
  }
})();
