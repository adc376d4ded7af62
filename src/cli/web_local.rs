//! What the page asks about the folder of its peer: the commands `config` and `group` do it.

use core::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crossbeam_channel::Sender;

use super::config::{self, ConfigAct};
use super::local_answer::LocalAnswer;
use super::{flags, group, output, session, settings_files};
use crate::control::typed::CommandOrigin;
use crate::control::{Ask, ReloadRequest};
use crate::error::Failure;
use crate::settings::layers;
use crate::web::local::{ConfigQuestion, GroupQuestion, LocalQuestion, RunLocal};

/// Does it for the peer in `directory`, which runs in this process, and is asked by `asks`.
pub(super) fn runner(directory: PathBuf, asks: Sender<Ask>) -> RunLocal {
    Box::new(move |question| {
        let answer = match question {
            LocalQuestion::Config(question) => configure(question, &directory, &asks)?,
            LocalQuestion::Group(question) => change_group(question, &directory)?,
        };
        Ok(answer.objects.iter().map(output::json_line).collect())
    })
}

fn configure(question: ConfigQuestion, directory: &Path, asks: &Sender<Ask>) -> Result<LocalAnswer, Failure> {
    let (act, changed) = match question {
        ConfigQuestion::Show => (None, None),
        ConfigQuestion::Set { key, values } => {
            (Some(ConfigAct::Set { key: key.clone(), value: values }), Some(key))
        }
        ConfigQuestion::Unset { key } => (Some(ConfigAct::Unset { key: key.clone() }), Some(key)),
    };
    let answer = config::run(act, directory, CommandOrigin::Prompt)?;
    if changed.is_some_and(|key| layers::named(&key).is_ok_and(|key| key.is_live())) {
        // Who moves a slider does not start the peer again for it.
        let (line, _) = flags::parse_above(std::env::args_os(), &settings_files::layers(directory)?)?;
        let speed = line.settings(directory.to_owned()).speed;
        session::ask(asks, ReloadRequest::from(speed), |_| ControlFlow::Continue(()))?;
    }
    Ok(answer)
}

fn change_group(question: GroupQuestion, directory: &Path) -> Result<LocalAnswer, Failure> {
    match question {
        GroupQuestion::Show => group::show(directory),
        GroupQuestion::New { name } => group::make(directory, &name),
        GroupQuestion::Join { name, passphrase } => {
            group::join(directory, || group::parsed(&name, passphrase.into()))
        }
        GroupQuestion::Leave => group::leave(directory),
    }
}
