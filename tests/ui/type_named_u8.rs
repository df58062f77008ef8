use barewire::BareSchema;

#[derive(BareSchema)]
#[allow(non_camel_case_types)]
struct u8 {
    low: u32,
}

fn main() {}
