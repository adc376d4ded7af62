//! The owner's page in a browser, as a person uses it. Things on it are found by their role and name, as a screen reader
//! finds them (`tree`), and what is done is done with mouse and keyboard. At its end no page may have complained of
//! anything: an error of a script, or something that its policy refused (`driver`).

mod access;
mod deeds;
mod driver;
mod film;
mod guest;
mod many;
mod owner;
mod page;
mod tree;
