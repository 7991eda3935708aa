//! Encoders by name from a hub: a server on this machine that answers as the hub does.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use serde_json::json;
use tempfile::TempDir;

use crate::golden::folder;
use crate::support::{CONVERSION, DOCUMENT, Run, command};

const COMMIT: &str = "0123456789abcdef";

/// Serves a folder as the model `org/name` for as long as the tests run; the address.
fn serve(folder: &'static Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap(), folder)));
    address
}

/// Answers one request, whole or, with `Range: bytes=FIRST-LAST`, in part.
fn answer(mut stream: TcpStream, folder: &Path) {
    let lines: Vec<String> =
        BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
    let path = lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let range = lines.iter().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
    let content = if path.starts_with("/api/models/org/name") {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let files: Vec<_> = names.map(|name| json!({"rfilename": name.to_str().unwrap()})).collect();
        Some(json!({"sha": COMMIT, "siblings": files}).to_string().into_bytes())
    } else {
        path.strip_prefix("/org/name/resolve/main/").and_then(|name| fs::read(folder.join(name)).ok())
    };
    let Some(content) = content else {
        let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
    };
    let (first, last) = range.as_deref().and_then(|range| range.split_once('-')).unwrap_or(("0", ""));
    let first: usize = first.parse().unwrap();
    let end = last.parse().map_or(content.len(), |last: usize| content.len().min(last + 1));
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{end}/{}\r\nETag: \"{}\"\r\nX-Repo-Commit: {COMMIT}\r\nConnection: close\r\n\r\n",
        end - first,
        content.len(),
        path.replace('/', "-"),
    );
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&content[first..end]));
}

/// `docre encode` of a synthetic split with the encoder `name`.
fn encode(home: &Path, name: &str, environment: &[(&str, &str)]) -> Run {
    let corpus = home.join("corpus");
    let split = corpus.to_str().unwrap();
    let made = command(["synthesize", "--docs", "3", "--split", "dev", "--out", split, "--force"]).output().unwrap();
    assert!(made.status.success());
    let mut command = command(["encode", "--corpus", split, "--split", "dev", "--encoder", name]);
    for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_HUB_CACHE"] {
        command.env_remove(proxy);
    }
    let output = command.env("HF_HOME", home).envs(environment.iter().copied()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
#[cfg_attr(not(feature = "hub"), ignore = "needs the feature `hub`")]
fn a_name_is_downloaded_once_and_then_at_hand() {
    let home = TempDir::new().unwrap();
    let source: &'static Path = Box::leak(folder("atlop_bert").into_boxed_path());
    let endpoint = serve(source);
    let offline = encode(home.path(), "org/name", &[("HF_ENDPOINT", &endpoint), ("HF_HUB_OFFLINE", "1")]);
    assert_eq!(offline.code, Some(1));
    assert!(offline.stderr.contains("`HF_HUB_OFFLINE` forbids a download"), "{}", offline.stderr);
    let fetched = encode(home.path(), "org/name", &[("HF_ENDPOINT", &endpoint)]);
    assert_eq!(fetched.code, Some(0), "{}", fetched.stderr);
    let snapshot = home.path().join("hub/models--org--name/snapshots").join(COMMIT);
    for name in ["config.json", "tokenizer.json", "vocab.txt", "model.safetensors"] {
        assert_eq!(fs::read(snapshot.join(name)).unwrap(), fs::read(source.join(name)).unwrap(), "{name}");
    }
    assert!(!snapshot.join("docs.json").exists());
    let again = encode(home.path(), "org/name", &[("HF_ENDPOINT", "http://127.0.0.1:9"), ("HF_HUB_OFFLINE", "1")]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
}

#[test]
#[cfg_attr(not(feature = "hub"), ignore = "needs the feature `hub`")]
fn a_name_that_no_hub_has_is_told() {
    let home = TempDir::new().unwrap();
    let endpoint = serve(Box::leak(folder("atlop_bert").into_boxed_path()));
    let run = encode(home.path(), "org/other", &[("HF_ENDPOINT", &endpoint)]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("encoder `org/other`: no such folder") && run.stderr.contains("404"), "{}", run.stderr);
}

/// `docre run` of a pipeline that cuts documents for the encoder `org/name`, with a hub at `endpoint`.
fn run(home: &Path, documents: &str, endpoint: &str, flags: &[&str]) -> Run {
    let sources = format!("[sources]\nencoder = [\"./encoder\", \"org/name\"]\ndocuments = \"{documents}\"");
    let encode = r#"
[[stage]]
name = "encode"
kind = "encode"
inputs = { corpus = "dev", encoder = "encoder" }
outputs = { pieces = "pieces" }
"#;
    let pipeline = CONVERSION.replace("[sources]\ndocuments = \"dev.json\"", &sources) + encode;
    fs::write(home.join("dev.json"), format!("[{DOCUMENT}]")).unwrap();
    fs::write(home.join("tiny.toml"), pipeline).unwrap();
    let mut command = command(["run", "tiny.toml"].iter().chain(flags));
    for proxy in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_HUB_CACHE"] {
        command.env_remove(proxy);
    }
    let output = command.current_dir(home).env("HF_HOME", home).env("HF_ENDPOINT", endpoint).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
#[cfg_attr(not(feature = "hub"), ignore = "needs the feature `hub`")]
fn a_plan_downloads_nothing_and_a_run_what_it_needs() {
    let home = TempDir::new().unwrap();
    let endpoint = serve(Box::leak(folder("atlop_bert").into_boxed_path()));
    let planned = run(home.path(), "dev.json", &endpoint, &["--dry-run"]);
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    assert!(planned.stdout.contains("tiny/encode: to run: "), "{}", planned.stdout);
    assert!(!home.path().join("hub").exists());
    let done = run(home.path(), "dev.json", &endpoint, &[]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("downloading the encoder `org/name`"), "{}", done.stderr);
}

#[test]
#[cfg_attr(not(feature = "hub"), ignore = "needs the feature `hub`")]
fn documents_are_not_asked_of_the_hub() {
    let home = TempDir::new().unwrap();
    let endpoint = serve(Box::leak(folder("atlop_bert").into_boxed_path()));
    let missing = run(home.path(), "org/name", &endpoint, &[]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("left out: `org/name` is not there"), "{}", missing.stderr);
    assert!(!home.path().join("hub").exists());
}
