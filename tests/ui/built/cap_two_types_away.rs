use barewire::{BareSchema, MessageQueue};

#[derive(BareSchema)]
struct Author {
    id: u32,
    name: String,
}

#[derive(BareSchema)]
struct Post {
    author: Author,
}

#[derive(BareSchema)]
struct Feed {
    #[bare(max = 8)]
    posts: Vec<Post>,
}

fn main() {
    let queue = MessageQueue::<Feed>::open("feed").unwrap();
    let _ = queue.loan(); // wrong
}
