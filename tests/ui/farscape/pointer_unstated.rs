barewire::farscape! {
    library Text = "libtext.so";
    unsigned long measure(const char *text);
}

fn main() {}
