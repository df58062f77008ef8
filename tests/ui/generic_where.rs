use barewire::BareSchema;

#[derive(BareSchema)]
struct Message<const N: usize>
where
    [u8; N]: Sized,
{
    data: [u8; N],
}

fn main() {}
