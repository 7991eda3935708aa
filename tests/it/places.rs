//! What stands where something is to be made, told by what it is.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::stopped::{hidden, text};
use crate::support::{DOCUMENT, Run, command, docre, files};

/// A folder with a split, predictions about it, and what stands in the way: a file, a pipe, links that lead nowhere.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().unwrap());
        fs::write(place.at("dev.json"), format!("[{DOCUMENT}]")).unwrap();
        fs::write(place.at("none.json"), "[]").unwrap();
        let made = place.docre(&["convert", "--format", "docred", "--split", "dev", "--out", ".", "dev.json"]);
        assert_eq!(made.code, Some(0), "{}", made.stderr);
        assert!(Command::new("mkfifo").arg(place.at("pipe")).status().unwrap().success());
        symlink("nowhere", place.at("link")).unwrap();
        symlink("missing/folder", place.at("far")).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program, on paths in the folder where an argument is one.
    fn docre(&self, arguments: &[&str]) -> Run {
        let is_path = |name: &str| name.contains(['.', '/']) || self.at(name).symlink_metadata().is_ok();
        let whole = |name: &&str| if is_path(name) && *name != "dev" { self.at(name) } else { PathBuf::from(name) };
        docre(arguments.iter().map(whole))
    }

    /// The commands that make a folder.
    fn makers(&self, out: &str) -> Vec<(&'static str, Run)> {
        let split = ["--corpus", "./dev", "--relations", "none.json"];
        let commands: [(&str, &[&str]); 5] = [
            ("evaluate", &["--resamples", "0"]),
            ("graph", &[]),
            ("convert", &["--format", "docred", "--split", "dev", "dev.json"]),
            ("synthesize", &["--docs", "2", "--split", "dev"]),
            ("man", &[]),
        ];
        let run = |(name, more): (&'static str, &[&str])| {
            let split = if ["evaluate", "graph"].contains(&name) { &split[..] } else { &[] };
            let _ = fs::remove_dir_all(self.at("nowhere"));
            let _ = fs::remove_dir_all(self.at("missing"));
            (name, self.docre(&[&[name], split, more, &["--out", out]].concat()))
        };
        commands.into_iter().map(run).collect()
    }
}

#[test]
fn what_is_no_folder_is_called_by_its_name() {
    let place = Place::new();
    for (out, found) in [("pipe", "a pipe"), ("none.json", "a file")] {
        for (command, run) in place.makers(out) {
            let expected = match command {
                "graph" => {
                    format!("{out}: expected nothing or what docre has made, found {found}: it will not be replaced")
                }
                _ => format!("{out}: expected a folder or nothing, found {found}"),
            };
            assert!(run.code == Some(1) && run.stderr.contains(&expected), "{command}: {}", run.stderr);
            assert!(run.stderr.contains("\nhint: "), "{command}: {}", run.stderr);
        }
    }
    for (command, run) in place.makers("none.json/further/down") {
        let expected = "none.json: expected a folder or nothing, found a file";
        assert!(run.code == Some(1) && run.stderr.contains(expected), "{command}: {}", run.stderr);
    }
    assert_eq!(fs::read_to_string(place.at("none.json")).unwrap(), "[]");
}

#[test]
fn a_link_that_leads_nowhere_leads_to_what_is_made() {
    let place = Place::new();
    for (link, made) in [("link", "nowhere"), ("far", "missing/folder")] {
        for (command, run) in place.makers(link) {
            assert_eq!(run.code, Some(0), "{command}: {}", run.stderr);
            assert!(place.at(link).is_symlink());
        }
        // The last of them.
        assert!(place.at(made).join("docre.1").is_file());
    }
}

#[test]
fn the_folder_in_which_one_stands_is_not_replaced() {
    let place = Place::new();
    fs::create_dir(place.at("graph")).unwrap();
    let graph = |from: &str, out: &[&str], code: i32| {
        let split =
            ["--corpus", text(&place.at("dev")), "--relations", text(&place.at("dev/facts"))].map(str::to_owned);
        let out = out.iter().map(|&argument| argument.to_owned());
        let arguments = ["graph", "--out"].map(str::to_owned).into_iter().chain(out).chain(split);
        let output = command(arguments).current_dir(place.at(from)).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        told
    };
    let refusal = "graph: docre was started in it: it will not be replaced\nhint: choose another";
    let told = graph("graph", &["."], 1);
    assert!(told.contains(refusal), "{told}");
    // Nothing was begun in it or beside it.
    assert_eq!((files(&place.at("graph")), hidden(place.0.path())), (vec![], vec![]));
    // Through a link, all is made beside what it points to.
    symlink("graph", place.at("shown")).unwrap();
    graph(".", &["shown"], 0);
    assert!(place.at("shown").is_symlink() && place.at("graph/graph.json").is_file());
    assert_eq!(hidden(place.0.path()), [] as [PathBuf; 0]);
    let before = files(&place.at("graph"));
    for (from, out) in [("graph", "."), ("graph/nodes", ".."), ("graph/nodes", "../../shown")] {
        assert!(graph(from, &[out], 0).contains("up to date"));
        let told = graph(from, &[out, "--min-support", "2", "--force"], 1);
        assert!(told.contains(refusal), "{told}");
    }
    assert_eq!(files(&place.at("graph")), before);
}

#[test]
fn a_file_wants_a_folder() {
    let place = Place::new();
    let makers = |out: &str| {
        [vec!["convert", "--to", "docred", "./dev", "--out", out], vec!["report", "./dev", "--out", out]]
            .map(|arguments| place.docre(&arguments))
    };
    for run in makers("absent/file.out") {
        let expected = "absent: expected a folder for `file.out`, found none\nhint: make the folder first";
        assert!(run.code == Some(1) && run.stderr.contains(expected), "{}", run.stderr);
    }
    for run in makers("none.json/file.out") {
        let expected = "none.json: expected a folder or nothing, found a file";
        assert!(run.code == Some(1) && run.stderr.contains(expected), "{}", run.stderr);
    }
    assert!(!Path::new(&place.at("absent")).exists());
}
