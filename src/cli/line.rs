//! A command line, done: as the program's own, or called by another program within itself.

use std::any::TypeId;
use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{ArgAction, Command, Parser};
use docre::ground::interrupt::{self, Signal};
use serde::Serialize;

use super::commands::{self, Cli};
use super::failure::{self, is_closed_pipe, is_usage};
use super::output::calling;
use super::signals::Stopping;
use super::{Messages, Outcome};

pub use super::output::Caller;

/// Does a command line, whose first word is the program's name, as all that the process is there for: it listens to
/// signals. Returns the exit code. On Linux, `anew` starts the program again with the settings that libraries read from
/// the environment alone; without it they must be set before.
pub fn program(arguments: impl IntoIterator<Item = OsString>, anew: bool) -> u8 {
    docre::ground::identity::set_build(docre::BUILD);
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(told) => {
            // Nothing can be done where the output refuses.
            let _ = told.print().and_then(|()| io::stdout().flush());
            return u8::try_from(told.exit_code()).unwrap_or(2);
        }
    };
    #[cfg(target_os = "linux")]
    if anew {
        super::environment::settle();
    }
    #[cfg(not(target_os = "linux"))]
    let _ = anew;
    let stopping = cli.command.stopping();
    #[cfg(unix)]
    super::listening::listen(stopping);
    let messages = Messages { quiet: cli.quiet, verbose: cli.verbose };
    let outcome = cli.command.run(messages);
    // What calls this may be no program of Rust's, whose end would see to it.
    let outcome = outcome.and_then(|outcome| Ok(io::stdout().flush().map(|()| outcome)?));
    match outcome {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::SomeRejected) => 3,
        Err(error) => failed(&error, stopping),
    }
}

fn failed(error: &anyhow::Error, stopping: Stopping) -> u8 {
    if let Some(interrupted) = interrupt::cause(&**error) {
        return stopping.say(interrupted);
    }
    if is_closed_pipe(error) {
        return 0;
    }
    failure::report(error);
    if is_usage(error) { 2 } else { 1 }
}

/// Why a command that was called came to nothing.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong.
    pub message: String,
    /// What to do next, where there is a choice.
    pub hint: Option<String>,
    /// Whose fault it is.
    pub cause: Cause,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The command was called wrongly: nothing was tried.
    Usage,
    /// What it was given, or the system.
    Given,
    /// Work was told to stop ([`docre::ground::interrupt`]).
    Stopped(Signal),
}

impl Failure {
    /// What an error says, and what its hint.
    pub fn of(error: &anyhow::Error) -> Self {
        let cause = match interrupt::cause(&**error) {
            Some(interrupted) => Cause::Stopped(interrupted.signal),
            None if is_usage(error) => Cause::Usage,
            None => Cause::Given,
        };
        Self { message: format!("{error:#}"), hint: failure::hint(error).map(Into::into), cause }
    }

    fn of_parser(told: &clap::Error) -> Self {
        let text = told.to_string();
        let told = text.strip_prefix("error: ").unwrap_or(&text);
        // What the parser says of usage is about words, and callers have arguments.
        let message = told.split("\n\nUsage:").next().unwrap_or(told);
        let message = message.split("\n\nFor more information").next().unwrap_or(message).trim_end();
        Self { message: message.to_owned(), hint: None, cause: Cause::Usage }
    }
}

/// Does a command line, the program's name left out, for a caller. Returns whether all went in: `false` where records
/// were rejected or documents too large. No handler of signals is installed; whoever has the work stopped by
/// [`docre::ground::interrupt::tell`] stops all work of the process.
///
/// # Errors
/// Where the command is called wrongly, fails or is stopped.
pub fn call(arguments: &[OsString], caller: Arc<dyn Caller>) -> Result<bool, Failure> {
    docre::ground::identity::set_build(docre::BUILD);
    let words = [OsString::from("docre")].into_iter().chain(arguments.iter().cloned());
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(told) if matches!(told.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            let shown = caller.take(told.to_string().as_bytes()).map(|()| true);
            return shown.map_err(|error: io::Error| Failure::of(&error.into()));
        }
        Err(told) => return Err(Failure::of_parser(&told)),
    };
    let messages = Messages { quiet: cli.quiet, verbose: cli.verbose };
    let outcome = calling(caller, || cli.command.run(messages));
    outcome.map(|outcome| matches!(outcome, Outcome::Done)).map_err(|error| Failure::of(&error))
}

/// Settings that libraries read from the environment alone, which must stand there before this library is loaded, with the
/// values that serve docre best.
pub fn settings() -> Vec<(&'static str, String)> {
    #[cfg(target_os = "linux")]
    return super::environment::settings().map(Vec::from).unwrap_or_default();
    #[cfg(not(target_os = "linux"))]
    Vec::new()
}

/// A command, or a command of a command, as the parser has it.
#[derive(Serialize)]
pub struct Described {
    /// Its words: `checkpoint show`.
    pub name: String,
    /// What it does, in a sentence.
    pub about: String,
    /// Its arguments; those of every command, `--quiet` and `--verbose`, are left out.
    pub arguments: Vec<DescribedArgument>,
}

/// An argument of a command.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is told by itself, and all of them can hold")]
pub struct DescribedArgument {
    /// Its name: `most-pairs` of `--most-pairs`, `input` of `INPUT`.
    pub name: String,
    /// Whether it has no name on the command line, but a place.
    pub is_positional: bool,
    /// Whether it must be given in any case.
    pub is_required: bool,
    /// Whether it is said or not, and has no value.
    pub is_flag: bool,
    /// Whether it may be given several times.
    pub is_many: bool,
    /// What its value is called: `DIR`.
    pub value: String,
    /// Whether its value is a number.
    pub is_number: bool,
    /// What the value may be, where that is one of some names.
    pub choices: Vec<String>,
    /// The value where it is not given, as the command line has it.
    pub default: Option<String>,
    /// What it means.
    pub help: String,
}

/// Every command with its arguments, in the order of the program's help.
pub fn described() -> Vec<Described> {
    let line = commands::line();
    let mut found = Vec::new();
    for command in line.get_subcommands() {
        describe(command, command.get_name(), &mut found);
    }
    found
}

fn describe(command: &Command, name: &str, found: &mut Vec<Described>) {
    if command.has_subcommands() {
        for below in command.get_subcommands() {
            describe(below, &format!("{name} {}", below.get_name()), found);
        }
        return;
    }
    let arguments =
        command.get_arguments().filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"));
    found.push(Described {
        name: name.to_owned(),
        about: command.get_about().map(ToString::to_string).unwrap_or_default(),
        arguments: arguments.map(describe_argument).collect(),
    });
}

fn describe_argument(argument: &clap::Arg) -> DescribedArgument {
    let is_flag = matches!(argument.get_action(), ArgAction::SetTrue);
    let default: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let names = argument.get_value_names().unwrap_or_default();
    let id = argument.get_id().as_str();
    DescribedArgument {
        name: argument.get_long().unwrap_or(id).to_owned(),
        is_positional: argument.is_positional(),
        is_required: argument.is_required_set(),
        is_flag,
        is_many: matches!(argument.get_action(), ArgAction::Append),
        value: if is_flag { String::new() } else { names.first().map(ToString::to_string).unwrap_or_default() },
        is_number: !is_flag && is_number(&argument.get_value_parser().type_id()),
        choices: argument
            .get_possible_values()
            .iter()
            .filter(|_| !is_flag)
            .map(|value| value.get_name().to_owned())
            .collect(),
        default: (!is_flag && !default.is_empty()).then(|| default.join(",")),
        help: argument.get_help().map(ToString::to_string).unwrap_or_default(),
    }
}

/// Whether values of a type are numbers, as settings have them.
fn is_number(kind: &impl PartialEq<TypeId>) -> bool {
    let whole = [TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<usize>()];
    whole.iter().chain(&[TypeId::of::<f32>(), TypeId::of::<f64>()]).any(|number| kind == number)
}
