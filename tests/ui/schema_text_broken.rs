barewire::schema!(
    "type Id u32
     type Said struct {
       id: Id
       text: Text
     }"
);

fn main() {}
