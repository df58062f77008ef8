barewire::farscape! {
    struct flags { unsigned open : 1; unsigned mode : 3; };
}

fn main() {}
