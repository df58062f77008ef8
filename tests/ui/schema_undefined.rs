barewire::schema! {
    type Point struct {
        x: Coordinate
    }
}

fn main() {}
