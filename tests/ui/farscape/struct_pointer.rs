barewire::farscape! {
    struct part { char *name; int count; };
}

fn main() {}
