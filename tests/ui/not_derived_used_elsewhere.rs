use barewire::BareSchema;
use barewire::ipc::MessageQueue;

struct Foreign(u8);

#[derive(BareSchema)]
struct Message {
    wrong: (u32, Foreign),
}

#[derive(BareSchema)]
struct Outer {
    message: Message,
    pair: (u32, Message),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let queue = MessageQueue::<Outer>::open("queue")?;
    println!("{}", queue.dequeue()?.pair.field0);
    Ok(())
}
