barewire::farscape! {
    library Text = "libtext.so";
    int show(cstr const char *format, ...);
}

fn main() {}
