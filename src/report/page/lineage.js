// What made the run, out of what, and how long it took.

function showLineage({ lineage }) {
  if (!lineage) return section("lineage", absent("The run has no manifest.json. docre run writes it."));
  const longest = Math.max(0.001, ...lineage.stages.map(({ seconds }) => seconds ?? 0));
  section("lineage", h("p", { class: "lead" }, `Pipeline ${lineage.pipeline}: ${plural(lineage.stages.length, "stage")}, ${duration(lineage.stages.reduce((sum, { seconds }) => sum + (seconds ?? 0), 0))}. Hashes are of content.`),
    h("ol", { class: "stages" }, lineage.stages.map((stage) => showStage(stage, longest))));
}

function showStage(stage, longest) {
  const artefacts = (title, entries) => entries.length > 0 && [h("dt", {}, title), entries.map(([role, { path, hash }]) => h("dd", {}, h("span", { class: "role" }, role), " ", path, " ", h("code", { title: hash }, hash.slice(0, 12))))];
  const inputs = Object.entries(stage.inputs).flatMap(([role, all]) => all.map((one) => [role, one]));
  const options = Object.entries(stage.options ?? {});
  return h("li", {},
    h("div", { class: "stage" },
      h("h3", {}, stage.stage), h("span", { class: "kind" }, stage.kind),
      h("span", { class: "time" }, duration(stage.seconds ?? 0)), shareBar((stage.seconds ?? 0) / longest)),
    h("p", { class: "note" }, [began(stage.started), stage.device, `docre ${stage.docre}`, stage.rejected > 0 && plural(stage.rejected, "rejected record")].filter(Boolean).join(" · ")),
    (stage.warnings ?? []).map((warning) => h("p", { class: "warning" }, warning)),
    h("dl", { class: "artefacts" }, artefacts("Inputs", inputs), artefacts("Outputs", Object.entries(stage.outputs))),
    options.length > 0 && h("details", {}, h("summary", {}, plural(options.length, "option")), h("dl", { class: "options" }, options.map(([name, value]) => [h("dt", {}, name), h("dd", {}, typeof value === "string" ? value : JSON.stringify(value))]))));
}

/** Seconds as people say them. */
function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

const began = (seconds) => seconds && `${new Date(1000 * seconds).toISOString().slice(0, 16).replace("T", " ")} UTC`;
