//! `guest` as people read it: the link, its QR code, and who came by it.

use core::fmt::Write as _;
use core::ops::ControlFlow;
use std::io::{self, IsTerminal as _};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use super::Show;
use super::page::Page;
use crate::cli::human::{count, size};
use crate::cli::output::Style;
use crate::control::{GuestRequest, GuestRow, Reply};
use crate::sys::{clock, local_time};
use crate::text::shown;

/// What shows it.
pub(super) fn show(_: &GuestRequest) -> Box<dyn Show> {
    Box::new(GuestView(None))
}

#[derive(Debug)]
struct GuestView(Option<Box<GuestRow>>);

impl Show for GuestView {
    fn reply(&mut self, reply: Reply, _: &mut Page) -> ControlFlow<()> {
        if let Reply::Guest(row) = reply {
            self.0 = Some(row);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, _: bool, _: Style) -> String {
        self.0.take().map_or_else(String::new, |row| text(&row, io::stdout().is_terminal()))
    }
}

fn text(row: &GuestRow, has_code: bool) -> String {
    let Some(address) = row.address.as_ref().or(row.private_address.as_ref()).filter(|_| row.on) else {
        return "no guests are let in; `guest on` makes a link for them\n".to_owned();
    };
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a string does not fail.
        let _written = writeln!(text, "  {name:<12}{value}");
    };
    line("guests", address);
    row.addresses.iter().for_each(|other| line("or", other));
    if let Some(pin) = &row.pin {
        line("PIN", pin);
    }
    let what = if row.path.is_empty() { "all that is shared".into() } else { shown(&row.path) };
    line("they see", &what);
    if row.uploads {
        line("they send", "to downloads/from-guests/");
    }
    if let Some(until) = row.until {
        line("until", &local_time::coming(until.saturating_mul(1_000), clock::unix_millis()));
    }
    if row.guests > 0 {
        line("came", &count(row.guests, "device"));
    }
    if row.files > 0 {
        line("sent", &format!("{}, {}", count(row.files, "file"), size(row.size)));
    }
    if let (Some(private), Some(print)) = (&row.private_address, &row.fingerprint) {
        line("encrypted", private);
        line("fingerprint", print);
    }
    if has_code && let Ok(code) = QrCode::new(address.as_bytes()) {
        let drawn = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
        text.extend([&drawn, "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_its_code_and_who_came_are_shown() {
        assert_eq!(
            text(&GuestRow::default(), true),
            "no guests are let in; `guest on` makes a link for them\n"
        );
        let row = GuestRow {
            on: true,
            address: Some("http://10.0.0.1:8080/g/5e/".to_owned()),
            private_address: Some("https://10.0.0.1:8080/g/5e/".to_owned()),
            fingerprint: Some("AB:CD".to_owned()),
            pin: Some("123456".to_owned()),
            path: "films\u{1b}".to_owned(),
            uploads: true,
            guests: 2,
            files: 1,
            size: 5,
            ..GuestRow::default()
        };
        let expected = "  guests      http://10.0.0.1:8080/g/5e/
  PIN         123456
  they see    films\\u{1b}
  they send   to downloads/from-guests/
  came        2 devices
  sent        1 file, 5 B
  encrypted   https://10.0.0.1:8080/g/5e/
  fingerprint AB:CD
";
        assert_eq!(text(&row, false), expected);
        assert!(text(&row, true).starts_with(expected) && text(&row, true).lines().count() > 20);
    }
}
