barewire::schema! {
    type Hash data<16>
}

fn main() {}
