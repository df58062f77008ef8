barewire::farscape! {
    library Text = "libtext.so";
    int sum(in len(count) const int *numbers, int n);
}

fn main() {}
