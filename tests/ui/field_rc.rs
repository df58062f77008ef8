use barewire::BareSchema;

#[derive(BareSchema)]
struct Message {
    id: u32,
    wrong: std::rc::Rc<u32>,
}

fn main() {}
