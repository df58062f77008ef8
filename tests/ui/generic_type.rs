use barewire::BareSchema;

#[derive(BareSchema)]
struct Message<T> {
    id: T,
}

fn main() {}
