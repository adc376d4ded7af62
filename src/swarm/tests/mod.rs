//! The machine in virtual time.

mod downloads;
mod keeping;
mod lossy;
mod members;
mod order;
mod reasons;
mod several;
mod telling;
mod world;
