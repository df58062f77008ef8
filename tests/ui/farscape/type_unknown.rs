barewire::farscape! {
    library Text = "libtext.so";
    int length(uLong size);
}

fn main() {}
