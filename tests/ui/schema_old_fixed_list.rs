barewire::schema! {
    type Hash struct {
        parts: [4]u8
    }
}

fn main() {}
