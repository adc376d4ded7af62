//! How answers look: one file a command, which the table of commands (control/mod.rs) declares. Everything
//! that another peer may have named goes through [`crate::text::shown`] here.

mod page;
pub(super) mod parts;

use core::ops::ControlFlow;

use self::page::Page;
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
}

impl View {
    /// For the replies to `request`.
    pub(super) fn new(request: &Request, json: bool, origin: CommandOrigin) -> Self {
        Self { show: show(request), page: Page::new(json, origin) }
    }

    /// Shows one reply. Breaks when nobody reads any more.
    pub(super) fn reply(&mut self, reply: Reply) -> ControlFlow<()> {
        match reply {
            reply if self.page.json && !reply.is_progress() => output::out(&output::json_line(&reply)),
            Reply::Note { text } => self.page.line(&crate::text::shown(&text)),
            reply => self.show.reply(reply, &mut self.page),
        }
    }

    /// Shows the end. What failed is said by [`fail`](super::session::fail), and as JSON here.
    pub(super) fn end(&mut self, result: &Result<(), Failure>) {
        self.page.close_bar();
        if !self.page.json {
            let text = self.show.end(result.is_ok(), self.page.style);
            match self.page.origin {
                CommandOrigin::OneShot => pager::out(&text),
                CommandOrigin::Prompt | CommandOrigin::Pipe => {
                    let _reader_gone: ControlFlow<()> = output::out(&text);
                }
            }
        } else if let Err(failure) = result {
            let failed = Reply::Failed(failure.clone());
            let _reader_gone: ControlFlow<()> = output::out(&output::json_line(&failed));
        }
    }
}
