barewire::schema! {
    type Hash data[0]
}

fn main() {}
