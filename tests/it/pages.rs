//! The pages for readers: what they say is what the program does.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use docre::graph;
use docre::train::config::TrainConfig;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{docre, rows};

/// The tables in the order in which a reader meets them.
const GROUPS: [(&str, &[&str]); 6] = [
    (
        "A corpus",
        &["documents", "sentences", "tokens", "mentions", "entities", "pairs", "facts", "relation_types", "implied"],
    ),
    ("A corpus in one table", &["annotated"]),
    ("What was not taken over", &["rejects"]),
    (
        "Models",
        &[
            "pieces",
            "training_log",
            "training_figures",
            "scores",
            "relations",
            "sentence_weights",
            "evidence",
            "model_relations",
            "traces",
            "claims",
            "predictions",
        ],
    ),
    ("The graph", &["nodes", "edges", "provenance", "merges"]),
    ("Figures", &["metrics", "precision_recall", "reliability", "comparisons", "summary"]),
];
/// Where a page goes on with what is rendered.
const RENDERED: &str = "<!-- What follows is rendered from the schema files; DOCRE_BLESS=1 renders it anew. -->\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every page of the project.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !name.starts_with('.') && !["target", "runs"].contains(&name) {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The rows of the table of a page that follows a text, as cells.
pub fn table_after<'p>(page: &'p str, text: &str) -> Vec<Vec<&'p str>> {
    let (_, rest) = page.split_once(text).unwrap_or_else(|| panic!("expected `{text}`"));
    let lines = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    lines.skip(2).map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands between the backticks of a cell.
fn bare(cell: &str) -> &str {
    cell.trim_matches('`')
}

/// The page of the tables, as the schema files have them.
fn schemas_rendered() -> String {
    let mut contents = String::from("| | table | a row is |\n| --- | --- | --- |\n");
    let mut sections = String::new();
    let mut known = BTreeSet::new();
    for (group, tables) in GROUPS {
        for (place, table) in tables.iter().enumerate() {
            let schema: Value = serde_json::from_str(&page(&format!("schemas/{table}.json"))).unwrap();
            let text = |value: &Value| value.as_str().unwrap().replace('|', "\\|");
            let description = text(&schema["description"]);
            let row = description.trim_start_matches("One row ").trim_end_matches('.');
            let row = row.split([':', ',']).next().unwrap();
            let group = if place == 0 { group } else { "" };
            writeln!(contents, "| {group} | [`{table}`](#{table}) | {row} |").unwrap();
            let keys = schema["sort_key"].as_array().unwrap().iter().map(|key| format!("`{}`", key.as_str().unwrap()));
            let keys = keys.collect::<Vec<_>>().join(", ");
            let sorted = if keys.is_empty() { String::new() } else { format!(" Sorted by {keys}.") };
            writeln!(sections, "\n## {table}\n\n{description}{sorted}\n").unwrap();
            sections.push_str("| column | type | |\n| --- | --- | --- |\n");
            for column in schema["columns"].as_array().unwrap() {
                let null = if column["nullable"] == true { " or null" } else { "" };
                let [name, kind, meaning] = ["name", "type", "description"].map(|key| text(&column[key]));
                writeln!(sections, "| `{name}` | {kind}{null} | {meaning} |").unwrap();
            }
            known.insert(format!("{table}.json"));
        }
    }
    let files =
        fs::read_dir(root().join("schemas")).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> =
        files.filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "json")).collect();
    assert_eq!(files, known, "each table has its place in `GROUPS`");
    format!("{contents}{sections}")
}

#[test]
fn the_page_of_the_tables_is_rendered_from_the_schemas() {
    let written = page("schemas/README.md");
    let (prose, _) = written.split_once(RENDERED).unwrap_or_else(|| panic!("expected `{RENDERED}`"));
    let rendered = format!("{prose}{RENDERED}\n{}", schemas_rendered());
    if std::env::var_os("DOCRE_BLESS").is_some() {
        fs::write(root().join("schemas/README.md"), rendered).unwrap();
    } else {
        assert!(written == rendered, "schemas/README.md: not as the schemas have it: run the test with DOCRE_BLESS=1");
    }
}

#[test]
fn the_readme_is_short() {
    let length = page("README.md").len();
    assert!(length <= 8_000, "README.md: expected at most 8000 bytes, got {length}");
}

/// The heading that a link's fragment names.
fn fragment(heading: &str) -> String {
    let plain = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    plain.chars().filter(|&letter| letter.is_alphanumeric() || "-_".contains(letter)).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut n_links = 0;
    for file in pages() {
        let text = fs::read_to_string(&file).unwrap();
        let told = file.display();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            n_links += 1;
            let (path, place) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
            assert!(target.exists(), "{told}: `{link}` leads nowhere");
            if !place.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let found = text.lines().any(|line| line.starts_with('#') && fragment(line) == place);
                assert!(found, "{told}: `{link}`: no such heading");
            }
        }
    }
    assert!(n_links > 30, "{n_links}");
}

/// Each use of the program in a page: its command, and the options that it is given.
fn uses(page: &str) -> Vec<(String, Vec<String>)> {
    let joined = page.replace("\\\n", " ");
    let uses = joined.split(['\n', '|', '`']).filter_map(|line| {
        let line = line.trim().trim_start_matches("$ ");
        let mut words = line.strip_prefix("docre ")?.split_whitespace();
        let command = words.next().filter(|word| word.chars().all(|letter| letter.is_ascii_lowercase()))?;
        let options = words.filter_map(|word| word.strip_prefix("--")).filter(|option| !option.is_empty());
        let name =
            |option: &str| option.chars().take_while(|&letter| letter.is_alphanumeric() || letter == '-').collect();
        Some((command.to_owned(), options.map(name).collect()))
    });
    uses.collect()
}

#[test]
fn commands_in_pages_have_the_options_that_they_are_given() {
    let mut n_options = 0;
    for file in pages() {
        for (command, options) in uses(&fs::read_to_string(&file).unwrap()) {
            if options.is_empty() {
                continue;
            }
            let help = docre([command.as_str(), "--help"]);
            assert_eq!(help.code, Some(0), "{}: `docre {command}`: {}", file.display(), help.stderr);
            for option in options {
                let known = help
                    .stdout
                    .split_whitespace()
                    .any(|word| word.trim_matches(['[', ']', ',']) == format!("--{option}"));
                assert!(known, "{}: `docre {command}` has no option `--{option}`", file.display());
                n_options += 1;
            }
        }
    }
    assert!(n_options > 60, "{n_options}");
}

/// The names in backticks of a message's list.
fn listed(message: &str) -> BTreeSet<String> {
    let (_, list) = message.split_once("known are ").unwrap_or_else(|| panic!("expected a list: {message}"));
    names(list).into_iter().collect()
}

/// The names of a setting, as a row's first cell has them: the usual one first.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What `docre run` says of a pipeline with one stage.
fn refusal(stage: &str) -> String {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("one.toml");
    fs::write(&file, format!("[[stage]]\nname = \"one\"\n{stage}\n")).unwrap();
    let run = docre(["run", "--dry-run", file.to_str().unwrap()]);
    assert_eq!(run.code, Some(1), "{stage}: {}", run.stderr);
    run.stderr
}

/// A name that is near to no other.
const NONE: &str = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz";

#[test]
fn the_page_of_pipelines_has_every_kind_with_its_settings() {
    let text = page("pipelines/README.md");
    let kinds = listed(&refusal(&format!("kind = \"{NONE}\"\noutputs = {{}}")));
    let headings: BTreeSet<String> =
        text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).map(str::to_owned).collect();
    assert_eq!(headings, kinds);
    for kind in &kinds {
        let common = ["name", "kind", "inputs", "outputs", "optional"];
        let known: BTreeSet<String> = listed(&refusal(&format!("kind = \"{kind}\"\n{NONE} = 1\noutputs = {{}}")))
            .into_iter()
            .filter(|key| !common.contains(&key.as_str()))
            .collect();
        let heading = format!("### `{kind}`\n");
        let section = text.split_once(&heading).unwrap().1.split("\n### ").next().unwrap();
        let has_settings = section.contains("| setting |");
        let rows = if has_settings { table_after(section, "") } else { Vec::new() };
        let told: BTreeSet<String> = rows.iter().flat_map(|row| names(row[0])).collect();
        assert_eq!(told, known, "the settings of `{kind}`");
    }
}

/// The value that a row tells as a default, `null` where there is none to write.
fn told(cell: &str) -> Value {
    if cell == "none" || cell == "all four" || !cell.starts_with('`') || cell.contains(' ') {
        return Value::Null;
    }
    serde_json::from_str(bare(cell)).unwrap_or_else(|error| panic!("{cell}: {error}"))
}

fn check_defaults(section: &str, settings: &Value, skipped: &[&str]) {
    for row in table_after(&page("pipelines/README.md"), section) {
        let key = &names(row[0])[0];
        if skipped.contains(&key.as_str()) || row[1].is_empty() {
            continue;
        }
        let got = settings.get(key).unwrap_or_else(|| panic!("{section}: no default for `{key}`"));
        let number = |value: &Value| value.as_f64().map_or_else(|| value.clone(), |number| json!(number));
        let expected = told(row[1]);
        assert_eq!(number(got), number(&expected), "{section}: `{key}`");
    }
}

#[test]
fn the_page_of_pipelines_tells_the_defaults() {
    let settings = |more: Value| {
        let mut all = json!({"corpus": "", "encoder_rate": 1e-5, "head_rate": 1e-4, "epochs": 1, "second_stage": {},
            "encoder": {"scratch": {"layers": 1, "hidden": 4, "heads": 1, "inner": 4, "vocabulary": 9}}});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::to_value(serde_json::from_value::<TrainConfig>(all).unwrap()).unwrap()
    };
    let of_models = ["atlop", "docre-ii", "docre-sd"].map(|kind| settings(json!({"model": {"kind": kind}})));
    let [atlop, docre_ii, docre_sd] = &of_models;
    // One corpus is told by none of them.
    check_defaults("### `train`", atlop, &["second_stage", "corpora"]);
    check_defaults("`encoder.scratch` draws", &atlop["encoder"]["scratch"], &[]);
    check_defaults("`second_stage`:", &atlop["second_stage"], &[]);
    let graph = serde_json::to_value(graph::Options::default()).unwrap();
    check_defaults("### `graph`", &graph, &["run_id"]);
    let text = page("pipelines/README.md");
    let rows = table_after(&text, "Defaults are the papers' values:");
    for (kind, model) in [("atlop", atlop), ("docre-ii", docre_ii), ("docre-sd", docre_sd)] {
        let model = model["model"].as_object().unwrap();
        let of_kind = |row: &&Vec<&str>| row[2] == "all" || row[2].contains(&format!("`{kind}`"));
        let listed: BTreeSet<&str> = rows.iter().filter(of_kind).map(|row| bare(row[0])).collect();
        let known: BTreeSet<&str> = model.keys().map(String::as_str).filter(|&key| key != "kind").collect();
        assert_eq!(listed, known, "{kind}");
        for row in rows.iter().filter(of_kind).filter(|row| row[1] != "all four") {
            assert_eq!(model[bare(row[0])], told(row[1]), "{kind}: {}", row[0]);
        }
    }
}

/// Runs the script that marks entities; `None`, said in words, where there is no Python.
fn mark_entities(arguments: &[&str]) -> Option<String> {
    let script = root().join("data/mark_entities.py");
    let output = match Command::new("python3").arg(script).args(arguments).current_dir(root()).output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: python3: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn entities_marked_in_plain_text_become_a_corpus_and_nodes_of_a_graph() {
    let letters = ["data/letters/fjord.txt", "data/letters/nordlys.txt", "data/letters/solheim.txt"];
    let Some(lines) = mark_entities(&[&["--names", "data/letters/names.tsv"][..], &letters[..]].concat()) else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("letters.jsonl"), lines).unwrap();
    let out = ["--out", &path("corpus"), &path("letters.jsonl")].map(str::to_owned);
    let convert = ["convert", "--format", "jsonl", "--split", "all"].map(str::to_owned);
    let run = docre(convert.iter().chain(&out));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let split = folder.path().join("corpus/all");
    let people = "SELECT doc_id, name, n_mentions FROM entities WHERE type = 'PER' ORDER BY doc_id, entity_id";
    let expected = [
        "fjord,Jonas Solheim,1",
        // `Kovács` alone is she.
        "nordlys,Marta Kovács,2",
        "nordlys,Ingrid Solheim,1",
        "solheim,Ingrid Solheim,1",
        // And `Jonas` is he.
        "solheim,Jonas Solheim,2",
    ];
    assert_eq!(rows(&split, people), expected);
    let known = "SELECT DISTINCT name, kb_id FROM entities WHERE kb_id IS NOT NULL ORDER BY name";
    assert_eq!(
        rows(&split, known),
        ["Bergen,wikidata:Q26793", "Hungary,wikidata:Q28", "Norway,wikidata:Q20"],
        "what the third column gives"
    );

    fs::write(path("none.json"), "[]").unwrap();
    let run =
        docre(["graph", "--relations", &path("none.json"), "--corpus", &path("corpus/all"), "--out", &path("graph")]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let nodes = "SELECT node_id, n_documents FROM nodes WHERE n_documents > 1 ORDER BY node_id";
    let joined =
        ["name:LOC:szeged,2", "name:PER:ingrid%20solheim,2", "name:PER:jonas%20solheim,2", "wikidata:Q26793,2"];
    assert_eq!(rows(&folder.path().join("graph"), nodes), joined);
}

#[test]
fn spans_of_another_program_keep_no_numbers_of_its_own() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    // Two documents whose first entity bears the same number.
    fs::write(
        path("texts.jsonl"),
        concat!(
            "{\"id\": \"a\", \"text\": \"Caf\\u00e9 Bergen is in Bergen.\"}\n",
            "{\"id\": \"b\", \"text\": \" Oslo \", \"title\": \"Oslo\"}\n",
            "{\"id\": \"c\", \"text\": \"Ada Berg, Bo Berg, Berg\"}\n"
        ),
    )
    .unwrap();
    fs::write(path("spans.jsonl"), concat!(
        "{\"id\": \"a\", \"entities\": [{\"id\": \"E1\", \"start\": 0, \"end\": 11, \"label\": \"ORG\", \"score\": 0.9},",
        " {\"start\": 5, \"end\": 11, \"label\": \"GPE\"}, {\"start\": 17, \"end\": 24, \"label\": \"GPE\"}]}\n",
        "{\"id\": \"b\", \"entities\": [{\"id\": \"E1\", \"start\": 0, \"end\": 6, \"entity_group\": \"GPE\", \"kb_id\": \"Q585\"},",
        " {\"start\": 1, \"end\": 2, \"type\": \"CARDINAL\"}]}\n",
        "{\"id\": \"c\", \"entities\": [{\"start\": 0, \"end\": 8, \"label\": \"PER\"},",
        " {\"start\": 10, \"end\": 17, \"label\": \"PER\"}, {\"start\": 19, \"end\": 23, \"label\": \"PER\"}]}\n"
    )).unwrap();
    let arguments = ["--spans", &path("spans.jsonl"), "--types", "GPE=LOC,CARDINAL=", &path("texts.jsonl")];
    let Some(lines) = mark_entities(&arguments) else { return };
    let got: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = [
        json!({"id": "a", "text": "Café Bergen is in Bergen.", "entities": [
            {"type": "ORG", "mentions": [{"start": 0, "end": 11}]},
            {"type": "LOC", "mentions": [{"start": 18, "end": 24}]}]}),
        json!({"id": "b", "title": "Oslo", "text": " Oslo ", "entities": [
            {"kb_id": "wikidata:Q585", "type": "LOC", "mentions": [{"start": 1, "end": 5}]}]}),
        // `Berg` may be either.
        json!({"id": "c", "text": "Ada Berg, Bo Berg, Berg", "entities": [
            {"type": "PER", "mentions": [{"start": 0, "end": 8}]},
            {"type": "PER", "mentions": [{"start": 10, "end": 17}]},
            {"type": "PER", "mentions": [{"start": 19, "end": 23}]}]}),
    ];
    assert_eq!(got, expected);
}
