barewire::farscape! {
    struct event { int kind; union { int number; double value; } data; };
}

fn main() {}
