//! What the program says of itself: `--help`, completions, manual pages.

use std::fs;
use std::path::Path;

use docre::ground::settings::Settings;
use docre::train::TrainConfig;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{command, docre};

/// The width of a terminal that nobody has made wider.
const WIDTH: usize = 80;

/// The commands, as the program lists them.
fn commands() -> Vec<String> {
    let help = docre(["--help"]).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let name = |line: &str| line.strip_prefix("  ")?.split(' ').next().filter(|name| !name.is_empty()).map(Into::into);
    listed.filter_map(name).filter(|name| name != "help").collect()
}

/// The examples of a command, or of the program, as they are written.
fn examples(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/help").join(name).with_extension("txt");
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn examples_can_be_pasted_from_a_narrow_terminal() {
    let commands = commands();
    assert!(commands.len() > 12, "{commands:?}");
    for name in commands.iter().map(String::as_str).chain(["docre"]) {
        let arguments = [Some(name), Some("--help")].into_iter().flatten().filter(|argument| *argument != "docre");
        let shown = command(arguments).env("COLUMNS", WIDTH.to_string()).output().unwrap().stdout;
        let shown = String::from_utf8(shown).unwrap();
        let examples = examples(name);
        assert!(examples.contains(&format!("  docre {}", name.trim_start_matches("docre"))), "{name}: {examples}");
        assert!(examples.lines().all(|line| line.chars().count() <= WIDTH), "{name}: a line is too long: {examples}");
        // Wrapped, a line would not be found as it was written.
        assert!(shown.contains(examples.trim_end()), "{name}: {shown}");
        let mut goes_on = false;
        for line in examples.lines() {
            let is_deeper = line.starts_with("    ");
            assert_eq!(is_deeper, goes_on, "{name}: {line}");
            goes_on = line.ends_with('\\') || line.ends_with(" |");
        }
    }
}

#[test]
fn the_settings_of_training_are_as_its_help_says() {
    let help = examples("train");
    let settings: Vec<&str> = help.lines().skip_while(|line| !line.starts_with("  {\"model\"")).take(5).collect();
    let config: TrainConfig = serde_json::from_str(&settings.concat()).unwrap();
    assert_eq!(config.check(), Ok(()));
    let mut config = serde_json::to_value(config).unwrap();
    for name in ["warm_up", "clip", "weight_decay", "accumulation", "seed", "most_pieces"] {
        assert!(help.contains(&format!("\"{name}\": {}", config[name])), "{name}: {}", config[name]);
    }
    let scratch: Vec<&str> =
        help.lines().skip_while(|line| !line.starts_with("  \"encoder\": {\"scratch\"")).take(2).collect();
    let scratch: Value = serde_json::from_str(&format!("{{{}}}", scratch.concat())).unwrap();
    config["encoder"] = scratch["encoder"].clone();
    assert_eq!(serde_json::from_value::<TrainConfig>(config).unwrap().check(), Ok(()));
}

#[test]
fn shells_can_complete_arguments() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = docre(["completions", shell]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stdout.contains("synthesize") && run.stdout.contains("most-pieces"), "{shell}");
    }
    assert_eq!(docre(["completions", "tcsh"]).code, Some(2));
}

#[test]
fn commands_have_manual_pages() {
    let run = docre(["man"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stdout.contains(".TH docre 1") && run.stdout.contains("docre\\-synthesize"), "{}", run.stdout);
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("man1");
    let run = docre(["man", "--out", out.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for name in commands() {
        let page = fs::read_to_string(out.join(format!("docre-{name}.1"))).unwrap();
        assert!(page.contains("--help") || page.contains("\\-\\-help"), "{page}");
    }
    let file = out.join("docre.1");
    let refused = docre(["man", "--out", file.to_str().unwrap()]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("docre.1: expected a folder or nothing, found a file"), "{}", refused.stderr);
}
