barewire::schema! {
    type Point {
        x: i32
    }
}

fn main() {}
