//! What goes to stderr: lines, and how far the work is, as a bar on a terminal and as lines with the time in a log.

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use docre::ground::excerpt::harmless;
use docre::ground::observe::{Event, Pace, Progress, time_of_day};
use indicatif::{ProgressBar, ProgressStyle};

use super::output::{self, Caller};

/// What goes to stderr while a command runs.
#[derive(Clone, Copy)]
pub struct Messages {
    /// Say nothing but errors.
    pub quiet: bool,
    /// Say what work is done with, too.
    pub verbose: bool,
}

impl Messages {
    /// Says a line.
    pub fn say(self, line: &str) {
        if !self.quiet {
            output::say(line);
        }
    }

    /// Says what is worth a line.
    pub fn tell(self, event: &Event) {
        if self.verbose || !matches!(event, Event::Detail(_)) {
            self.say(&event.to_string());
        }
    }

    /// Who hears what work tells; silent again when it is dropped.
    pub fn listener(self) -> Listener {
        let caller = output::caller();
        let is_terminal = caller.is_none() && io::stderr().is_terminal();
        let bar = if self.quiet || !is_terminal { ProgressBar::hidden() } else { ProgressBar::new(PARTS) };
        Listener { messages: self, caller, is_terminal, bar, heard: Mutex::default() }
    }
}

/// A whole bar.
const PARTS: u64 = 1000;
/// A bar is not drawn more often.
const DRAWN: Duration = Duration::from_millis(100);

/// Says what work tells.
pub struct Listener {
    messages: Messages,
    /// Who hears it in the place of stderr.
    caller: Option<Arc<dyn Caller>>,
    is_terminal: bool,
    bar: ProgressBar,
    heard: Mutex<Heard>,
}

/// What was heard of progress.
#[derive(Default)]
struct Heard {
    pace: Pace,
    drawn: Option<Instant>,
    /// Whether what is drawn has a bar.
    barred: Option<bool>,
}

impl Listener {
    /// Hears an event.
    pub fn hear(&self, event: &Event) {
        match event {
            Event::Progress(_) if self.messages.quiet => {}
            Event::Progress(progress) => self.progress(progress),
            Event::Detail(_) if !self.messages.verbose => {}
            _ if self.messages.quiet => {}
            event => self.bar.suspend(|| output::say_to(self.caller.as_ref(), &event.to_string())),
        }
    }

    fn progress(&self, progress: &Progress) {
        let (now, Ok(mut heard)) = (Instant::now(), self.heard.lock()) else { return };
        heard.pace.note(progress, now);
        if let Some(caller) = &self.caller {
            if heard.drawn.is_none_or(|drawn| now - drawn >= DRAWN) {
                heard.drawn = Some(now);
                caller.progress(&harmless(&heard.pace.told(progress, now)), progress.share);
            }
        } else if !self.is_terminal {
            if heard.pace.is_due(now) {
                let told = heard.pace.told(progress, now);
                self.messages.say(&format!("{} {told}", time_of_day(SystemTime::now())));
            }
        } else if heard.drawn.is_none_or(|drawn| now - drawn >= DRAWN) {
            heard.drawn = Some(now);
            self.draw(progress, &mut heard, now);
        }
    }

    fn draw(&self, progress: &Progress, heard: &mut Heard, now: Instant) {
        let barred = progress.share.is_some();
        if heard.barred.replace(barred) != Some(barred) {
            let template = if barred { "{bar:30} {msg} {elapsed}" } else { "{spinner} {msg} {elapsed}" };
            self.bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
        self.bar.set_message(harmless(&heard.pace.told(progress, now)).into_owned());
        self.bar.set_position((progress.share.unwrap_or_default() * PARTS as f64) as u64);
        self.bar.tick();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
