barewire::schema! {
    type Any union { u8 | str | u8 }
}

fn main() {}
