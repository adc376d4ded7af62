//! Settings of the page for browsers on this machine. Pure.

use clap::{ArgAction, Args};

use super::RUN;

/// The page for browsers on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub struct WebSettings {
    /// Serve it.
    #[arg(id = "web", long = "no-web", action = ArgAction::SetFalse, help_heading = RUN)]
    #[arg(help = "Serve no page for browsers on this machine (see `web`)")]
    pub is_served: bool,
    /// Port of the page for browsers on this machine; 0: any that is free
    #[arg(id = "web_port", long, value_name = "PORT", default_value_t = 0, help_heading = RUN)]
    pub port: u16,
}
