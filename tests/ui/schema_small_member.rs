barewire::schema! {
    type Kind enum { Join }
}

fn main() {}
