barewire::farscape! {
    int abs(int n);
}

fn main() {}
