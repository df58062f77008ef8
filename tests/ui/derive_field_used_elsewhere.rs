use barewire::BareSchema;

#[derive(BareSchema)]
struct Inner {
    size: usize,
}

#[derive(BareSchema)]
struct Outer {
    inner: Inner,
    #[bare(max = 4)]
    list: Vec<Inner>,
}

fn main() {}
