"use strict";
// Builds corrections.csv from what is chosen for each suspect, and saves it without a server.
(() => {
  const form = document.getElementById("corrections");
  const { ids } = JSON.parse(form.dataset.ids);
  const choices = [...document.querySelectorAll("select.correction")];
  const table = document.getElementById("corrections-table");
  const count = document.getElementById("corrections-count");
  const save = document.getElementById("corrections-save");

  const quoted = (text) => (/[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const update = () => {
    const rows = choices.filter((choice) => choice.value).map((choice) => [ids[choice.dataset.place], choice.value]);
    table.textContent = ["id,label", ...rows.map((row) => row.map(quoted).join(","))].join("\n") + "\n";
    count.textContent = `${rows.length} of ${choices.length} suspects corrected`;
  };

  save.hidden = false;
  save.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([table.textContent], { type: "text/csv" }));
    link.download = "corrections.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  choices.forEach((choice) => choice.addEventListener("change", update));
  update();  // a browser keeps choices when the page is loaded again
})();
