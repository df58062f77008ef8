//! Draws the plot of the README from the benchmark's figures.
//!
//! ```text
//! cargo run --release -p barewire-bench -- ipc --quick --json docs/figures.json
//! cargo run -p barewire-guide --example plot -- docs/figures.json docs/figures.svg
//! ```

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [figures, plot] = &arguments[..] else {
        return Err("give the file of figures, and that of the plot".into());
    };
    let document = serde_json::from_str(&std::fs::read_to_string(figures)?)?;
    std::fs::write(plot, barewire_guide::plot::svg(&document))?;
    Ok(())
}
