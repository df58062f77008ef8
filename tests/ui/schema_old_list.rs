barewire::schema! {
    type Names struct {
        names: []str
    }
}

fn main() {}
