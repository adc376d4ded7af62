//! How answers look: one file a command, which the table of commands (control/mod.rs) declares. Everything
//! that another peer may have named goes through [`crate::text::shown`] here.

mod page;
pub(super) mod parts;

use core::ops::ControlFlow;

use self::page::Page;
pub(super) use self::page::ShowOptions;
use crate::cli::bell;
use crate::cli::failing;
use crate::cli::output::{self, Style};
use crate::cli::pager;
use crate::control::typed::CommandOrigin;
use crate::control::{Reply, Request, for_each_command};
use crate::error::Failure;

/// What shows the replies to one request.
trait Show: core::fmt::Debug {
    /// Shows one reply of the command's own. Breaks when nobody reads any more.
    fn reply(&mut self, reply: Reply, page: &mut Page) -> ControlFlow<()>;

    /// What is said at the end: tables and sums. `worked`: it did not fail.
    fn end(&mut self, _worked: bool, _style: Style) -> String {
        String::new()
    }
}

/// For a command that is answered by notes alone, which look the same for all.
#[derive(Debug)]
struct NotesOnly;

impl Show for NotesOnly {
    fn reply(&mut self, _: Reply, _: &mut Page) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

macro_rules! declare {
    ($($(#[$_attribute:meta])* $module:ident: $Variant:ident($_request:ident),)*) => {
        $(pub(in crate::cli) mod $module;)*

        /// What shows the replies to `request`.
        fn show(request: &Request) -> Box<dyn Show> {
            match request {
                $(Request::$Variant(request) => $module::show(request),)*
            }
        }
    };
}
for_each_command!(declare);

/// Shows the replies to one request, as text or as JSON.
#[derive(Debug)]
pub(super) struct View {
    show: Box<dyn Show>,
    page: Page,
    /// The command by its name.
    command: &'static str,
    /// The sum of all, which is the last line of JSON, whatever comes.
    sum: Option<Reply>,
}

impl View {
    /// For the replies to `request`.
    pub(super) fn new(request: &Request, options: ShowOptions) -> Self {
        Self { show: show(request), page: Page::new(options), command: request.name(), sum: None }
    }

    /// Shows one reply. Breaks when nobody reads any more.
    pub(super) fn reply(&mut self, reply: Reply) -> ControlFlow<()> {
        match reply {
            Reply::DownloadSum(_) if self.page.options.json => {
                if let Reply::DownloadSum(sum) = &reply {
                    self.page.ring(|| bell::of_download(sum));
                }
                self.sum = Some(reply);
                ControlFlow::Continue(())
            }
            reply if self.page.options.json && !reply.is_progress() => {
                output::out(&output::json_line(&reply))
            }
            Reply::Note { .. } if self.page.options.quiet => ControlFlow::Continue(()),
            Reply::Note { text } => self.page.line(&crate::text::shown(&text)),
            reply => self.show.reply(reply, &mut self.page),
        }
    }

    /// Shows the end. What failed is said by [`tell`](failing::tell), and as JSON here.
    pub(super) fn end(&mut self, result: &Result<(), Failure>) {
        self.page.close_bar();
        if !self.page.options.json {
            let text = self.show.end(result.is_ok(), self.page.style);
            match self.page.origin() {
                CommandOrigin::OneShot => pager::out(&text),
                CommandOrigin::Prompt | CommandOrigin::Pipe => {
                    let _reader_gone: ControlFlow<()> = output::out(&text);
                }
            }
            return;
        }
        if let Err(failure) = result {
            failing::tell_json(failure, Some(self.command));
        }
        if let Some(sum) = &self.sum {
            let _reader_gone: ControlFlow<()> = output::out(&output::json_line(sum));
        }
    }
}
