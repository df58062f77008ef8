barewire::schema!(path = "chat-v1.bare");

fn main() {}
