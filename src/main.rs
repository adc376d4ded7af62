//! The `potluck` program: the only place that knows both the command line and the peer.

fn main() -> std::process::ExitCode {
    potluck::cli::main(potluck::peer::run)
}
