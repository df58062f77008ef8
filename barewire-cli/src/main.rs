//! The `barewire` command.

fn main() -> std::process::ExitCode {
    barewire_cli::main()
}
