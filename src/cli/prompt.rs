//! The prompt: line editing, history, completion; the running downloads in a line above it.

use core::ops::ControlFlow;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rustyline::completion::{Candidate, Completer};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{ColorMode, CompletionType, Config, Context, Editor, ExternalPrinter, Helper};

use super::output::{self, Style};
use super::screen::Printer;
use super::session::{self, Session};
use super::show::complete::{self, Proposal};
use super::show::{ShowOptions, download, status};
use crate::cli::limits;
use crate::control::{Ask, DownloadRow, Reply, StatusRequest};
use crate::sys::signals::Leave;
use crate::sys::{clock, terminal};

/// What stands before what is typed.
const PROMPT: &str = "potluck> ";

/// The line above the prompt that tells of running downloads. It is there while a line is read that
/// was begun while something was being fetched: the line editor cannot grow a prompt in use, but it
/// draws it again below each message, and then takes the newest text.
#[derive(Clone, Debug)]
pub(super) struct StatusLine {
    shown: Arc<AtomicBool>,
    entered: Arc<AtomicU64>,
    text: Sender<String>,
}

impl StatusLine {
    /// True while the line is on the screen.
    pub(super) fn is_shown(&self) -> bool {
        self.shown.load(Ordering::SeqCst)
    }

    /// How many lines were typed so far. What they bring stands below what was on the screen before.
    pub(super) fn entered(&self) -> u64 {
        self.entered.load(Ordering::SeqCst)
    }

    /// Columns that a line of the terminal has, without the last one: it is not broken.
    #[expect(clippy::unused_self, reason = "there is a terminal only where there is such a line")]
    pub(super) fn columns(&self) -> usize {
        usize::from(terminal::columns().unwrap_or(80)).saturating_sub(1)
    }

    /// Sets the text of the line, to be seen when the prompt is drawn again.
    pub(super) fn set(&self, rows: &[DownloadRow]) {
        let text = match rows {
            // What became of them was said above; the line itself stays until the next one is read.
            [] => String::new(),
            rows => download::progress_line(rows, self.columns()),
        };
        // Full: the prompt is not being drawn, and nobody would see it.
        drop(self.text.try_send(text));
    }
}

/// The part of the line editor that knows potluck.
struct PromptHelper {
    asks: Sender<Ask>,
    texts: Receiver<String>,
    text: RefCell<String>,
    style: Style,
    /// Nothing stands behind the prompt.
    is_empty: Cell<bool>,
}

impl Candidate for Proposal {
    fn display(&self) -> &str {
        &self.display
    }

    fn replacement(&self) -> &str {
        &self.replacement
    }
}

impl Completer for PromptHelper {
    type Candidate = Proposal;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Proposal>)> {
        Ok(complete::complete(&line[..pos], &self.asks))
    }
}

impl Highlighter for PromptHelper {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        if let Some(text) = self.texts.try_iter().last() {
            self.text.replace(text);
        }
        match prompt.strip_prefix('\n') {
            Some(prompt) => {
                Cow::Owned(format!("{}\n{}", self.style.dim(&self.text.borrow()), self.style.bold(prompt)))
            }
            None => Cow::Owned(self.style.bold(prompt)),
        }
    }
}

impl Hinter for PromptHelper {
    type Hint = String;

    /// There are no hints, but this is how the line editor tells of each change.
    fn hint(&self, line: &str, _: usize, _: &Context<'_>) -> Option<String> {
        self.is_empty.set(line.is_empty());
        None
    }
}

impl Validator for PromptHelper {}

impl Helper for PromptHelper {}

impl<P: ExternalPrinter + Send> Printer for P {
    fn print(&mut self, text: String) {
        if ExternalPrinter::print(self, text).is_err() {
            log::debug!("a line could not be shown");
        }
    }
}

/// What came of reading a line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Typed {
    /// This was typed.
    Line(String),
    /// Ctrl-C where something was typed: that is not wanted any more.
    Cleared,
    /// Ctrl-C where nothing was typed.
    Interrupt,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// A prompt that is ready to be run.
pub(super) struct Prompt {
    editor: Editor<PromptHelper, FileHistory>,
    history: PathBuf,
    asks: Sender<Ask>,
    directory: PathBuf,
    options: ShowOptions,
    status: StatusLine,
}

impl Prompt {
    /// Makes the line editor for the peer in `directory`.
    ///
    /// # Errors
    /// When the terminal is of no use to it.
    pub(super) fn new(directory: &Path, asks: Sender<Ask>, options: ShowOptions) -> anyhow::Result<Self> {
        let config = Config::builder()
            .max_history_size(limits::HISTORY)?
            .history_ignore_dups(true)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            // The status line is drawn by the highlighter; without colours it uses none.
            .color_mode(ColorMode::Forced)
            .auto_add_history(true)
            .build();
        let (text, texts) = bounded(64);
        let status = StatusLine { shown: Arc::default(), entered: Arc::default(), text };
        let mut editor = Editor::with_config(config)?;
        let style = Style::of_stdout();
        let helper = PromptHelper {
            asks: asks.clone(),
            texts,
            text: RefCell::default(),
            style,
            is_empty: Cell::new(true),
        };
        editor.set_helper(Some(helper));
        let history = directory.join(".potluck").join("history");
        if let Err(e) = editor.load_history(&history) {
            log::debug!("no history: {e}");
        }
        Ok(Self { editor, history, asks, directory: directory.to_owned(), options, status })
    }

    /// What shows lines above the prompt.
    ///
    /// # Errors
    /// When the terminal cannot (`TERM=dumb`).
    pub(super) fn printer(&mut self) -> anyhow::Result<Box<dyn Printer>> {
        Ok(Box::new(self.editor.create_external_printer()?))
    }

    /// The line that shows downloads.
    pub(super) fn status_line(&self) -> StatusLine {
        self.status.clone()
    }

    /// Reads and runs lines until the peer is to leave.
    pub(super) fn run(mut self, leave: &Leave) {
        let welcome = session::ask(&self.asks, StatusRequest::default(), |reply| match reply {
            Reply::Status(facts) => output::out(&status::welcome(&facts, Style::of_stdout())),
            _ => ControlFlow::Continue(()),
        });
        if welcome.is_err() {
            return; // The controller ended before it could answer, and says why.
        }
        let session = Session::new(self.asks.clone(), self.directory.clone(), self.options);
        loop {
            match self.read() {
                Typed::Line(line) if session.run(&line).is_break() => return,
                Typed::Line(_) | Typed::Cleared => {}
                Typed::Interrupt => {
                    let _reader_gone: ControlFlow<()> = output::out("leaving at once (Ctrl-C)\n");
                    break;
                }
                Typed::End => break,
            }
        }
        leave.wish(clock::now());
    }

    /// One line.
    fn read(&mut self) -> Typed {
        if !terminal::open() {
            return Typed::End;
        }
        let shows = self.options.screen.progress;
        let running = if shows { self.running_downloads() } else { Vec::new() };
        let with_status = !running.is_empty();
        if with_status {
            self.status.set(&running);
        }
        self.status.shown.store(with_status, Ordering::SeqCst);
        let prompt = if with_status { format!("\n{PROMPT}") } else { PROMPT.to_owned() };
        let line = self.editor.readline(&prompt);
        self.status.entered.fetch_add(1, Ordering::SeqCst);
        self.status.shown.store(false, Ordering::SeqCst);
        terminal::close();
        let line = match line {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) if self.is_line_empty() => return Typed::Interrupt,
            Err(ReadlineError::Interrupted) => return Typed::Cleared,
            Err(_) => return Typed::End,
        };
        if let Err(e) = self.editor.append_history(&self.history) {
            log::debug!("the history is not kept: {e}");
        }
        Typed::Line(line)
    }

    /// True if nothing stands behind the prompt.
    fn is_line_empty(&self) -> bool {
        self.editor.helper().is_none_or(|helper| helper.is_empty.get())
    }

    /// What is being fetched now; nothing if the controller has no time to say.
    fn running_downloads(&self) -> Vec<DownloadRow> {
        let (replies, answers) = unbounded();
        if self.asks.send(Ask { request: StatusRequest::default().into(), replies: replies.into() }).is_err()
        {
            return Vec::new();
        }
        match answers.recv_timeout(limits::COMPLETION) {
            Ok(Reply::Status(status)) => status.downloads,
            _ => Vec::new(),
        }
    }
}
