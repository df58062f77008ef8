barewire::schema! {
    type Point struct {
        x: void
    }
}

fn main() {}
