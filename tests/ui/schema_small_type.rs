barewire::schema! {
    type point struct { x: i32 }
}

fn main() {}
