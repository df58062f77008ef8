barewire::schema! {
    type Point struct {}
}

fn main() {}
