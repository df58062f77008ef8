barewire::schema! {
    type Ages struct {
        ages: map[str]u8
    }
}

fn main() {}
