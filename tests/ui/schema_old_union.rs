barewire::schema! {
    type Any (u8 | str)
}

fn main() {}
