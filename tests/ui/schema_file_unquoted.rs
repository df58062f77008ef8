barewire::schema!(file = chat);

fn main() {}
