// Rows → a file of comma-separated values, made in the browser: nothing is sent, nothing is loaded.

/** A cell (RFC 4180). Text that a spreadsheet would take for a formula has an apostrophe before it, so that it stays
 *  text. */
function csvCell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[\s\u0000-\u001f\u200b\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/u.test(value) ? `'${value}` : value;
  return /[",;\r\n\t]|^\s|\s$/.test(text) ? `"${text.replaceAll("\"", "\"\"")}"` : text;
}

/** Gives the file to the reader of the page. It begins with a mark that tells spreadsheets its encoding. */
function download(name, rows) {
  const lines = rows.map((row) => `${row.map(csvCell).join(",")}\r\n`);
  const address = URL.createObjectURL(new Blob(["\ufeff", ...lines], { type: "text/csv;charset=utf-8" }));
  const link = h("a", { href: address, download: `${name.replace(/[^\p{L}\p{N}._-]+/gu, "-") || "run"}.csv`, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
