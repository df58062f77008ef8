barewire::schema! {
    type Line struct {
        from: Point
    }
    type Point struct {
        x: i32
    }
}

fn main() {}
