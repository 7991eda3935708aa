//! `docre run`: pipeline files → their stages, where they are not up to date.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::Args;
use docre::ground::excerpt::harmless;
use docre::ground::interrupt;
use docre::pipeline::{self, DeviceChoice, Ended, LeftOut, Pipeline, Request};

use super::{Messages, Outcome, Usage, output};

/// Run the stages of a pipeline file that are not up to date.
///
/// A stage runs where an option, an input or docre itself changed since it last ran, or an output is not as it was made.
/// Of several pipelines, those whose sources are not there are left out, and named.
#[derive(Args)]
#[command(
    after_help = include_str!("help/run.txt").trim_end()
)]
pub struct RunArgs {
    /// Pipeline files.
    #[arg(value_name = "FILE", required_unless_present = "all")]
    files: Vec<PathBuf>,
    /// Every file `pipelines/*.toml`.
    #[arg(long, conflicts_with = "files")]
    all: bool,
    /// The first stage to run; what comes before is taken as it is.
    #[arg(long, value_name = "STAGE")]
    from: Option<String>,
    /// The last stage to run.
    #[arg(long, value_name = "STAGE")]
    until: Option<String>,
    /// Of a pipeline with variants, run this one alone, and what it is compared with; may be given several times.
    #[arg(long, value_name = "NAME")]
    variant: Vec<String>,
    /// Run stages though they are up to date.
    #[arg(long)]
    force: bool,
    /// Only list what would run, and why.
    #[arg(long)]
    dry_run: bool,
    /// Replace a value of the file: STAGE.KEY=VALUE, sources.NAME=PATH or matrix.KEY=VALUE; may be given several times. A
    /// key reaches into tables, as train.encoder.scratch.layers; a value is one of TOML, or else text. The stage may be
    /// left out where one alone has the table: model.kind=atlop.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pipeline::setting)]
    set: Vec<String>,
    /// Where to train and score: auto, cpu or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value_t)]
    device: DeviceChoice,
    /// The folder of the run folders; each bears its pipeline's name.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    runs: PathBuf,
}

impl RunArgs {
    /// How a run that was stopped goes on: what is made though it is up to date begins anew each time.
    pub fn goes_on(&self) -> &'static str {
        if self.force {
            "run it again: with --force every stage begins anew"
        } else {
            "the same command goes on where it stopped"
        }
    }
}

/// Runs.
pub fn run(args: &RunArgs, messages: Messages) -> anyhow::Result<Outcome> {
    if let [file] = &*args.files {
        return run_file(file, args, messages);
    }
    if args.from.is_some() || args.until.is_some() || !args.set.is_empty() || !args.variant.is_empty() {
        let got = if args.all { "`--all`".to_owned() } else { args.files.len().to_string() };
        let of_one = "`--from`, `--until`, `--variant` and `--set` are of one pipeline";
        bail!(Usage(format!("{of_one}: expected one file, got {got}")));
    }
    let files = if args.all { shipped()? } else { args.files.clone() };
    for (place, file) in files.iter().enumerate() {
        // A run folder bears its file's stem.
        if let Some(other) = files.iter().take(place).find(|other| other.file_stem() == file.file_stem()) {
            let (one, other) = (other.display(), file.display());
            bail!(Usage(format!(
                "expected files of different names, as each has its run folder; got {one} and {other}"
            )));
        }
    }
    run_files(&files, args, messages)
}

/// Runs several pipelines; one that fails keeps none of the others from running.
fn run_files(files: &[PathBuf], args: &RunArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let (mut left_out, mut n_failed, mut outcome) = (Vec::new(), 0, Outcome::Done);
    for file in files {
        match run_file(file, args, messages) {
            Ok(Outcome::Done) => {}
            Ok(Outcome::SomeRejected) => outcome = Outcome::SomeRejected,
            Err(error) if error.is::<LeftOut>() => left_out.push(error),
            Err(error) if super::failure::is_closed_pipe(&error) => return Err(error),
            Err(error) if interrupt::cause(&*error).is_some() => return Err(error),
            Err(error) => {
                super::failure::report(&error);
                n_failed += 1;
            }
        }
    }
    for reason in &left_out {
        messages.say(&reason.to_string());
    }
    if let Some(hint) = left_out.first().and_then(super::failure::hint) {
        messages.say(&format!("hint: {hint}"));
    }
    if n_failed > 0 {
        bail!("{n_failed} of {} pipelines failed", files.len());
    }
    Ok(outcome)
}

/// The pipeline files of the working directory, by name.
fn shipped() -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir("pipelines").context("pipelines: cannot list the folder")?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let mut files: Vec<PathBuf> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    files.sort();
    if files.is_empty() {
        bail!("pipelines: expected a file `*.toml`, found none");
    }
    Ok(files)
}

fn run_file(file: &Path, args: &RunArgs, messages: Messages) -> anyhow::Result<Outcome> {
    let pipeline = Pipeline::read(file, &args.set)?;
    for note in &pipeline.notes {
        messages.say(&format!("{}: {note}", pipeline.name));
    }
    let request = Request {
        runs: args.runs.clone(),
        from: args.from.clone(),
        until: args.until.clone(),
        variants: args.variant.clone(),
        force: args.force,
        device: args.device,
    };
    if !pipeline.without.stages.is_empty() && request.stages(&pipeline).is_ok() {
        messages.say(&format!("{}: {}", pipeline.name, pipeline.without));
    }
    let mut stdout = output::stdout();
    if args.dry_run {
        let listener = messages.listener();
        let plan = pipeline::plan(&pipeline, &request, &|event| listener.hear(&event))?;
        drop(listener);
        for planned in plan {
            writeln!(stdout, "{}", harmless(&format!("{}/{planned}", pipeline.name)))?;
        }
        return Ok(Outcome::Done);
    }
    let began = Instant::now();
    let listener = messages.listener();
    let ended = pipeline::run(&pipeline, &request, &|event| listener.hear(&event))?;
    drop(listener);
    let summaries = pipeline::summaries(&pipeline, &request, &ended)?;
    let mut shown = summaries.iter().map(|summary| stdout.write_all(harmless(summary).as_bytes()));
    match shown.try_for_each(|written| written).and_then(|()| stdout.flush()) {
        // Nobody reads it any more; what failed is told, and what is to run runs.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written?,
    }
    told_failures(&pipeline.name, &ended)?;
    let (folder, seconds) = (args.runs.join(&pipeline.name), began.elapsed().as_secs_f64());
    let pages = pipeline.stages.iter().filter_map(|stage| stage.outputs.get("page"));
    let pages = pages.map(|page| folder.join(page)).filter(|page| page.exists());
    let pages: String = pages.map(|page| format!(", the page is {}", page.display())).collect();
    let (name, tables) = (&pipeline.name, folder.display());
    messages.say(&format!("{name}: done in {seconds:.1} s; the tables are in {tables}{pages}"));
    Ok(if ended.rejected == 0 { Outcome::Done } else { Outcome::SomeRejected })
}

/// Says why stages failed that left others to run.
fn told_failures(pipeline: &str, ended: &Ended) -> anyhow::Result<()> {
    ended.failed.iter().for_each(|(_, error)| super::failure::report(error));
    let stages = |count: usize| if count == 1 { "1 stage".to_owned() } else { format!("{count} stages") };
    match (ended.failed.len(), ended.left_out.len()) {
        (0, 0) => Ok(()),
        (failed, 0) => bail!("{pipeline}: {} failed", stages(failed)),
        (failed, others) => bail!("{pipeline}: {} failed, and {others} that needed them were left out", stages(failed)),
    }
}
