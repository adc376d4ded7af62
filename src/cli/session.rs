//! One command after the other: from words to a request, from replies to text.

use core::cell::RefCell;
use core::ops::ControlFlow;
use std::ffi::OsString;
use std::path::PathBuf;

use crossbeam_channel::{Sender, unbounded};

use super::failing::{self, Failed};
use super::flags::{self, TypedCommand};
use super::output;
use super::show::{ShowOptions, View, holders};
use super::words::SplitError;
use crate::control::typed::{CommandOrigin, TypedFrom};
use crate::control::{AcceptRequest, Ask, DownloadRequest, HoldersRequest, Reply, Request};
use crate::error::{Code, Failure};

/// The command that says something, and its short forms.
const CHAT: [&str; 3] = ["chat", "T", "t"];

/// The command that fetches, and its short forms.
const DOWNLOAD: [&str; 3] = ["download", "d", "get"];

/// What is no text where nothing else stands behind that command.
const CHAT_FLAGS: [&str; 3] = ["--help", "-h", "--json"];

/// Asks the controller of this process. Ends with its last reply.
pub(super) fn ask(
    asks: &Sender<Ask>,
    request: impl Into<Request>,
    mut on_reply: impl FnMut(Reply) -> ControlFlow<()>,
) -> Result<(), Failure> {
    let request = request.into();
    let leaving = matches!(request, Request::Exit(_));
    let (replies, answers) = unbounded();
    let sent = asks.send(Ask { request, replies: replies.into() }).is_ok();
    for reply in answers.iter().take_while(|_| sent) {
        match reply {
            Reply::Done => return Ok(()),
            Reply::Failed(failure) => return Err(failure),
            // The command is seen through even when nobody reads what it says.
            reply => drop(on_reply(reply)),
        }
    }
    if leaving { Ok(()) } else { Err(Failure::other("the peer is leaving")) }
}

/// The commands that are typed into a peer.
#[derive(Debug)]
pub(super) struct Session {
    asks: Sender<Ask>,
    directory: PathBuf,
    options: ShowOptions,
    /// At the prompt: what each number stands for since `holders` was answered last.
    choices: RefCell<Vec<String>>,
}

impl Session {
    /// For the peer of this process, in `directory`. If `options` say so, every command has `--json`.
    pub(super) const fn new(asks: Sender<Ask>, directory: PathBuf, options: ShowOptions) -> Self {
        Self { asks, directory, options, choices: RefCell::new(Vec::new()) }
    }

    /// Runs one line to its end and shows what comes of it. Breaks after `exit`.
    pub(super) fn run(&self, line: &str) -> ControlFlow<(), Result<(), Failure>> {
        match self.try_run(line) {
            Ok(flow) => flow.map_continue(|()| Ok(())),
            Err(Failed { failure, is_in_json }) => {
                failing::tell(&failure, self.options.origin);
                let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
                if !is_in_json && (self.options.json || failing::asks_for_json(&words)) {
                    failing::tell_json(&failure, flags::command_in(&words).as_deref());
                }
                ControlFlow::Continue(Err(failure))
            }
        }
    }

    /// Every command has `--json`.
    pub(super) const fn is_in_json(&self) -> bool {
        self.options.json
    }

    fn try_run(&self, line: &str) -> Result<ControlFlow<(), ()>, Failed> {
        let chosen = self.chosen(line)?;
        let line = chosen.as_deref().unwrap_or(line);
        let words = match said(line).map_or_else(|| super::words::split(line), Ok) {
            // Completion leaves the quote of a folder open; a person who likes the folder hits Enter.
            Err(SplitError::Open(quote)) if self.options.origin == CommandOrigin::Prompt => {
                super::words::split(&format!("{line}{quote}"))
            }
            words => words,
        };
        let words = words.map_err(|e| Failure::new(Code::Usage, e.to_string()))?;
        if words.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        let words = if self.options.origin == CommandOrigin::Prompt { asked(words)? } else { words };
        let typed = match flags::parse_typed(&words) {
            flags::Parsed::Command(typed) => typed,
            flags::Parsed::Text(text) => {
                let _reader_gone: ControlFlow<()> = output::out(&text);
                return Ok(ControlFlow::Continue(()));
            }
            flags::Parsed::Wrong(failure) => return Err(failure.into()),
        };
        let here = std::env::current_dir().ok();
        match typed.command {
            TypedCommand::Local(command) => {
                let json = self.options.json || typed.json;
                command.run(&self.directory, ShowOptions { json, ..self.options })?;
            }
            TypedCommand::Ask(mut request) => {
                request.anchor(&TypedFrom { origin: self.options.origin, folder: here.as_deref() })?;
                if !self.options.json && !typed.json {
                    request.for_people();
                }
                let leaving = matches!(request, Request::Exit(_));
                let file = one_file(&request).filter(|_| self.options.origin == CommandOrigin::Prompt);
                let is_in_json = self.options.json || typed.json;
                let result = self.ask(request, is_in_json);
                if let (Err(failure), Some(file)) = (&result, file)
                    && failure.code == Code::Ambiguous
                {
                    failing::tell(failure, self.options.origin);
                    // Which of them is asked; but not if it is a folder.
                    drop(self.ask(HoldersRequest { file }.into(), is_in_json));
                    return Ok(ControlFlow::Continue(()));
                }
                return match (leaving, result) {
                    (true, Ok(())) => Ok(ControlFlow::Break(())),
                    // It has left. The process ends with this code, and says why.
                    (true, Err(failure)) if failure.code == Code::NotKept => Ok(ControlFlow::Break(())),
                    (_, Ok(())) => Ok(ControlFlow::Continue(())),
                    (_, Err(failure)) => Err(Failed { failure, is_in_json }),
                };
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Asks and shows the answers.
    fn ask(&self, request: Request, json: bool) -> Result<(), Failure> {
        let is_told_anyway =
            self.options.origin == CommandOrigin::Prompt && goes_on_behind_the_prompt(&request);
        if is_told_anyway && !json {
            return ask(&self.asks, request, |_| ControlFlow::Continue(()));
        }
        let mut view = View::new(&request, ShowOptions { json, ..self.options });
        let is_choice = matches!(request, Request::Holders(_));
        let mut holders = Vec::new();
        let result = ask(&self.asks, request, |reply| {
            if let Reply::Holder(row) = &reply {
                holders.push(row.clone());
            }
            view.reply(reply)
        });
        view.end(&result);
        if is_choice {
            self.choices.replace(holders::choices(&holders));
        }
        result
    }

    /// What a number stands for that is typed at the prompt.
    fn chosen(&self, line: &str) -> Result<Option<String>, Failure> {
        let choices = self.choices.borrow();
        let Ok(number) = line.trim().parse::<usize>() else { return Ok(None) };
        if self.options.origin != CommandOrigin::Prompt || choices.is_empty() {
            return Ok(None);
        }
        let chosen = number.checked_sub(1).and_then(|n| choices.get(n)).cloned();
        let wrong = || Failure::new(Code::Usage, format!("say a number from 1 to {}", choices.len()));
        chosen.map(Some).ok_or_else(wrong)
    }
}

/// The words of a line that says something: all that stands behind the command is said as it is typed, quotes and
/// backslashes too. `None` for any other line.
fn said(line: &str) -> Option<Vec<String>> {
    let (first, text) = line.trim_start().split_once(char::is_whitespace)?;
    let text = text.trim_start();
    let is_said = CHAT.contains(&first) && !text.is_empty() && !CHAT_FLAGS.contains(&text.trim_end());
    is_said.then(|| [first, "--", text].map(str::to_owned).to_vec())
}

/// `download FILE ?` asks who has the file, so that one can be chosen.
fn asked(mut words: Vec<String>) -> Result<Vec<String>, Failure> {
    match &mut words[..] {
        [command, _, mark] if DOWNLOAD.contains(&command.as_str()) && mark == "?" => {
            *command = "holders".to_owned();
            words.pop();
            Ok(words)
        }
        [command, _, _, .., mark] if DOWNLOAD.contains(&command.as_str()) && mark == "?" => {
            let text = "`?` asks who has one file: `download FILE ?`; a file of that name is `./?`";
            Err(Failure::new(Code::Usage, text))
        }
        _ => Ok(words),
    }
}

/// The file that a download names, if it names one.
fn one_file(request: &Request) -> Option<String> {
    let Request::Download(DownloadRequest { files, .. }) = request else { return None };
    let [file] = &files[..] else { return None };
    Some(file.clone())
}

/// True for what the screen tells, which hears of it whoever asked, and can replace a line by the next one.
const fn goes_on_behind_the_prompt(request: &Request) -> bool {
    matches!(
        request,
        Request::Exit(_)
            | Request::Download(DownloadRequest { wait: false, dry_run: false, .. })
            | Request::Accept(AcceptRequest { wait: false, .. })
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{ExitRequest, StatusRequest};

    #[test]
    fn a_question_mark_behind_a_file_asks_who_has_it() {
        let words =
            |line: &str| asked(line.split(' ').map(str::to_owned).collect()).map(|words| words.join(" "));
        assert_eq!(words("download x ?").unwrap(), "holders x");
        assert_eq!(words("d b3:01 ?").unwrap(), "holders b3:01");
        for other in ["download ?", "download x ./?", "list x ?", "download x"] {
            assert_eq!(words(other).unwrap(), other);
        }
        let wrong = words("get x y ?").unwrap_err();
        assert!(
            wrong.code == Code::Usage && wrong.message.starts_with("`?` asks who has one file: "),
            "{wrong}"
        );
    }

    #[test]
    fn who_asks_a_peer_that_has_left_is_told_so_and_an_exit_is_done() {
        let (asks, controller) = unbounded();
        drop(controller);
        let ask = |request: Request| ask(&asks, request, |_| ControlFlow::Continue(()));
        assert_eq!(ask(StatusRequest {}.into()), Err(Failure::other("the peer is leaving")));
        assert_eq!(ask(ExitRequest::default().into()), Ok(()));
    }

    #[test]
    fn a_number_stands_for_what_was_shown_last() {
        let (asks, _controller) = unbounded();
        let screen = crate::settings::ScreenSettings { mute: false, bell: false, progress: true };
        let options = ShowOptions { json: false, quiet: false, origin: CommandOrigin::Prompt, screen };
        let session = Session::new(asks, PathBuf::new(), options);
        assert_eq!(session.chosen("1"), Ok(None), "nothing was shown");
        session.choices.replace(vec!["download a".to_owned(), "download b".to_owned()]);
        assert_eq!(session.chosen(" 2 "), Ok(Some("download b".to_owned())));
        assert_eq!(session.chosen("list"), Ok(None));
        for wrong in ["0", "3"] {
            assert_eq!(session.chosen(wrong).unwrap_err().message, "say a number from 1 to 2");
        }
    }

    #[test]
    fn what_is_said_is_taken_as_it_is_typed() {
        let text = |line| said(line).map(|words| words[2].clone());
        assert_eq!(text(" chat  it's \"so\"  # \\ ").as_deref(), Some("it's \"so\"  # \\ "));
        assert_eq!(text("T --json or not").as_deref(), Some("--json or not"));
        assert_eq!(text("t\t-- a").as_deref(), Some("-- a"));
        for other in ["chat", "chat  ", "chat --json", "T --help ", "chatter a", "# chat a", "help chat"] {
            assert_eq!(said(other), None, "{other}");
        }
        let words = said("chat -x --help").unwrap();
        let flags::Parsed::Command(typed) = flags::parse_typed(&words) else { panic!("{words:?}") };
        let TypedCommand::Ask(Request::Chat(chat)) = typed.command else { panic!("{words:?}") };
        assert_eq!(chat.text, ["-x --help"]);
    }
}
