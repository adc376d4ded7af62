//! The machine in virtual time.

mod crowds;
mod downloads;
mod keeping;
mod lossy;
mod several;
mod world;
