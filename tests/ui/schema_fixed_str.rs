barewire::schema! {
    type Name str[64]
}

fn main() {}
