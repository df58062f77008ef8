use barewire::{BareSchema, MessageQueue};

#[derive(BareSchema)]
struct Line {
    id: u32,
    text: String,
}

fn main() {
    let queue = MessageQueue::<Line>::open("lines").unwrap();
    if let Some(message) = queue.try_dequeue().unwrap() {
        println!("{}", message.text().unwrap());
    }
}
