use barewire::{BareSchema, SharedRegion};

#[derive(BareSchema)]
struct Row {
    #[bare(max = 1_000_000_000)]
    cells: Vec<[u8; 4096]>,
}

fn main() {
    let _ = SharedRegion::<Row>::open("rows"); // wrong
}
