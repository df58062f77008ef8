//! The plot in the README is that of the figures beside it.

use std::fs;
use std::path::Path;

#[test]
fn the_plot_is_that_of_the_figures() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let figures = fs::read_to_string(docs.join("figures.json")).expect("docs/figures.json");
    let plot = barewire_guide::plot::svg(&serde_json::from_str(&figures).expect("JSON"));
    let written = fs::read_to_string(docs.join("figures.svg")).unwrap_or_default();
    let command =
        "cargo run -p barewire-guide --example plot -- docs/figures.json docs/figures.svg";
    assert!(written == plot, "stale: run `{command}`");
}
