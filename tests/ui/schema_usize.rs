barewire::schema! {
    type Count usize
}

fn main() {}
