barewire::schema! {
    type Rates map<f32><u8>
}

fn main() {}
