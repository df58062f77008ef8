barewire::schema!(file = "chat-v2.bare");

fn main() {}
