barewire::farscape! {
    library Text = "libtext.so";
    const char *version(void);
}

fn main() {}
