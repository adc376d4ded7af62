//! The `potluck` program.

fn main() -> std::process::ExitCode {
    potluck::cli::main()
}
