barewire::schema!(file = "broken.bare");

fn main() {}
