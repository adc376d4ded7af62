//! Settings of which networks a peer is on, and of how others get there. Pure.

use std::path::PathBuf;

use clap::Args;

use super::{RUN, WebSettings};
use crate::address::RouteTarget;
use crate::limits;

/// Which networks a peer is on.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct NetworkSettings {
    /// It runs for one command: nobody need be told that it comes and goes, nor which ports it has.
    #[arg(skip)]
    pub is_visitor: bool,
    /// Refuse to start when the four ports are not free
    #[arg(long, help_heading = RUN)]
    pub strict_port: bool,
    /// Keep a link to a peer on another network, whose four ports begin at PORT [default: 27280]; several: again,
    /// or with commas
    #[arg(long = "connect", value_name = "HOST[:PORT]", value_delimiter = ',', help_heading = RUN)]
    pub connect: Vec<RouteTarget>,
    /// Use only this network interface; several: again, or with commas
    // None: all.
    #[arg(long = "interface", value_name = "NAME", value_delimiter = ',', help_heading = RUN)]
    pub interfaces: Vec<String>,
    /// Join the group in this file, and stay in it until `group leave`: its name in the first line, its
    /// passphrase in the second. The variable POTLUCK_GROUP may hold these two lines instead
    #[arg(long, value_name = "FILE", help_heading = RUN)]
    pub group_file: Option<PathBuf>,
    /// Ask the router to pass the port on to this peer that others outside connect to (PCP, NAT-PMP)
    // Off: who is outside is no part of this network.
    #[arg(long, help_heading = RUN)]
    pub map_port: bool,
    /// Find other networks of this group in the hash table of BitTorrent, or in that of `--dht-bootstrap`: its nodes
    /// learn the address of this machine, and nothing of the group
    // Off: a tool for one network tells the world nothing unasked.
    #[arg(long, help_heading = RUN)]
    pub wan: bool,
    /// With --wan, join the table by this node instead of public ones: any peer of the group with --wan is one, at
    /// the number of its first port [default: 27280]; several: again, or with commas
    #[arg(long, value_name = "HOST[:PORT]", value_delimiter = ',', help_heading = RUN)]
    pub dht_bootstrap: Vec<RouteTarget>,
    /// UDP port of discovery, for tests: another port is another network.
    #[arg(long, hide = true, default_value_t = limits::DISCOVERY_PORT)]
    #[arg(help_heading = RUN)]
    pub discovery_port: u16,
    /// The page for browsers on this machine.
    #[command(flatten)]
    pub web: WebSettings,
}
