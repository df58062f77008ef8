barewire::farscape! {
    library Text = "libtext.so";
    int fill(out const int *number);
}

fn main() {}
