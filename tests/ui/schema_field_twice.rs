barewire::schema! {
    type Point struct {
        x: i32
        x: i32
    }
}

fn main() {}
