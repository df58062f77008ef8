//! A worker for libraries whose functions are declared at run time; other programs start it.

fn main() {
    barewire_farscape::serve(&[]);
    eprintln!("barewire-worker is started by programs, and not by people");
    std::process::exit(2);
}
