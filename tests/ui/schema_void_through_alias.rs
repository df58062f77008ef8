barewire::schema! {
    type Nothing void
    type Point struct {
        x: Nothing
    }
}

fn main() {}
