barewire::schema! {
    type A u8
    type A u16
}

fn main() {}
