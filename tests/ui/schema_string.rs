barewire::schema! {
    type Name string
}

fn main() {}
