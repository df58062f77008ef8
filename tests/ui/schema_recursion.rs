barewire::schema! {
    type Node struct {
        next: optional<Node>
    }
}

fn main() {}
