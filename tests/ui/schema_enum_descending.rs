barewire::schema! {
    type Kind enum {
        JOIN = 5
        LEAVE = 3
    }
}

fn main() {}
