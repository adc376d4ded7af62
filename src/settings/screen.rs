//! Settings of what is shown, and how. Pure.

use clap::{ArgAction, Args};

use super::RUN;

/// What a person is shown, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub struct ScreenSettings {
    /// Do not show what others say as they say it; `chat` shows it
    #[arg(long, help_heading = RUN)]
    pub mute: bool,
    /// Ring the bell when a download ends that took 10 s or longer
    // Terminals that show notifications get one, too.
    #[arg(long, global = true)]
    pub bell: bool,
    /// Show how far things are.
    #[arg(id = "progress", long = "no-progress", action = ArgAction::SetFalse, global = true)]
    #[arg(help = "Do not show how far things are")]
    pub progress: bool,
}
