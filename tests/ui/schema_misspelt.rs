barewire::schema! {
    type Name optinal<str>
}

fn main() {}
