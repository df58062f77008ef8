//! `minecraft_savedata`: 500 saved players of a game.

use super::{Random, borrowed, everywhere};

const COUNT: usize = 500;

everywhere! {
    #[derive(Copy)]
    pub enum GameType {
        Survival,
        Creative,
        Adventure,
        Spectator,
    }

    #[derive(Copy)]
    pub struct Abilities {
        pub walk_speed: f32,
        pub fly_speed: f32,
        pub may_fly: bool,
        pub flying: bool,
        pub invulnerable: bool,
        pub may_build: bool,
        pub instabuild: bool,
    }

    #[derive(Copy)]
    #[repr(C)]
    pub struct Point {
        pub x: f64,
        pub y: f64,
        pub z: f64,
    }

    #[derive(Copy)]
    #[repr(C)]
    pub struct Rotation {
        pub yaw: f32,
        pub pitch: f32,
    }
}

everywhere! {
    pub struct Item {
        pub count: i8,
        pub slot: u8,
        #[bare(max = 32)]
        pub id: String,
    }

    pub struct Entity {
        #[bare(max = 32)]
        pub id: String,
        pub pos: Point,
        pub motion: Point,
        pub rotation: Rotation,
        pub fall_distance: f32,
        pub fire: u16,
        pub air: u16,
        pub on_ground: bool,
        pub no_gravity: bool,
        pub invulnerable: bool,
        pub portal_cooldown: i32,
        pub uuid: [u32; 4],
        #[bare(max = 32)]
        pub custom_name: Option<String>,
        pub custom_name_visible: bool,
        pub silent: bool,
        pub glowing: bool,
    }

    pub struct Vehicle {
        pub uuid: [u32; 4],
        pub entity: Entity,
    }

    pub struct RecipeBook {
        #[bare(max = 64, item(max = 32))]
        pub recipes: Vec<String>,
        #[bare(max = 64, item(max = 32))]
        pub to_be_displayed: Vec<String>,
        pub is_filtering_craftable: bool,
        pub is_gui_open: bool,
        pub is_furnace_filtering_craftable: bool,
        pub is_furnace_gui_open: bool,
        pub is_blasting_furnace_filtering_craftable: bool,
        pub is_blasting_furnace_gui_open: bool,
        pub is_smoker_filtering_craftable: bool,
        pub is_smoker_gui_open: bool,
    }

    pub struct Player {
        pub game_type: GameType,
        pub previous_game_type: GameType,
        pub score: i64,
        #[bare(max = 32)]
        pub dimension: String,
        pub selected_item_slot: u32,
        pub selected_item: Item,
        #[bare(max = 32)]
        pub spawn_dimension: Option<String>,
        pub spawn_x: i64,
        pub spawn_y: i64,
        pub spawn_z: i64,
        pub spawn_forced: Option<bool>,
        pub sleep_timer: u16,
        pub food_exhaustion_level: f32,
        pub food_saturation_level: f32,
        pub food_tick_timer: u32,
        pub xp_level: u32,
        pub xp_p: f32,
        pub xp_total: i32,
        pub xp_seed: i32,
        #[bare(max = 64)]
        pub inventory: Vec<Item>,
        #[bare(max = 64)]
        pub ender_items: Vec<Item>,
        pub abilities: Abilities,
        pub entered_nether_position: Option<Point>,
        pub root_vehicle: Option<Vehicle>,
        pub shoulder_entity_left: Option<Entity>,
        pub shoulder_entity_right: Option<Entity>,
        pub seen_credits: bool,
        pub recipe_book: RecipeBook,
    }

    pub struct Players {
        pub players: Vec<Player>,
    }
}

borrowed! {
    pub struct ItemRef<'a> {
        pub count: i8,
        pub slot: u8,
        pub id: &'a str,
    }

    pub struct EntityRef<'a> {
        pub id: &'a str,
        pub pos: Point,
        pub motion: Point,
        pub rotation: Rotation,
        pub fall_distance: f32,
        pub fire: u16,
        pub air: u16,
        pub on_ground: bool,
        pub no_gravity: bool,
        pub invulnerable: bool,
        pub portal_cooldown: i32,
        pub uuid: [u32; 4],
        #[serde(borrow)]
        pub custom_name: Option<&'a str>,
        pub custom_name_visible: bool,
        pub silent: bool,
        pub glowing: bool,
    }

    pub struct VehicleRef<'a> {
        pub uuid: [u32; 4],
        #[serde(borrow)]
        pub entity: EntityRef<'a>,
    }

    pub struct RecipeBookRef<'a> {
        #[serde(borrow)]
        pub recipes: Vec<&'a str>,
        #[serde(borrow)]
        pub to_be_displayed: Vec<&'a str>,
        pub is_filtering_craftable: bool,
        pub is_gui_open: bool,
        pub is_furnace_filtering_craftable: bool,
        pub is_furnace_gui_open: bool,
        pub is_blasting_furnace_filtering_craftable: bool,
        pub is_blasting_furnace_gui_open: bool,
        pub is_smoker_filtering_craftable: bool,
        pub is_smoker_gui_open: bool,
    }

    pub struct PlayerRef<'a> {
        pub game_type: GameType,
        pub previous_game_type: GameType,
        pub score: i64,
        pub dimension: &'a str,
        pub selected_item_slot: u32,
        #[serde(borrow)]
        pub selected_item: ItemRef<'a>,
        #[serde(borrow)]
        pub spawn_dimension: Option<&'a str>,
        pub spawn_x: i64,
        pub spawn_y: i64,
        pub spawn_z: i64,
        pub spawn_forced: Option<bool>,
        pub sleep_timer: u16,
        pub food_exhaustion_level: f32,
        pub food_saturation_level: f32,
        pub food_tick_timer: u32,
        pub xp_level: u32,
        pub xp_p: f32,
        pub xp_total: i32,
        pub xp_seed: i32,
        #[serde(borrow)]
        pub inventory: Vec<ItemRef<'a>>,
        #[serde(borrow)]
        pub ender_items: Vec<ItemRef<'a>>,
        pub abilities: Abilities,
        pub entered_nether_position: Option<Point>,
        #[serde(borrow)]
        pub root_vehicle: Option<VehicleRef<'a>>,
        #[serde(borrow)]
        pub shoulder_entity_left: Option<EntityRef<'a>>,
        #[serde(borrow)]
        pub shoulder_entity_right: Option<EntityRef<'a>>,
        pub seen_credits: bool,
        #[serde(borrow)]
        pub recipe_book: RecipeBookRef<'a>,
    }

    pub struct PlayersRef<'a> {
        #[serde(borrow)]
        pub players: Vec<PlayerRef<'a>>,
    }
}

/// The players.
pub(crate) fn players() -> Players {
    let mut random = Random::new(3);
    Players { players: (0..COUNT).map(|_| player(&mut random)).collect() }
}

const WORLDS: [&str; 3] = ["overworld", "nether", "end"];
const ITEMS: [&str; 8] =
    ["dirt", "stone", "pickaxe", "sand", "gravel", "shovel", "chestplate", "steak"];
const RECIPES: [&str; 8] =
    ["pickaxe", "torch", "bow", "crafting table", "furnace", "shears", "arrow", "tnt"];
const ANIMALS: [&str; 8] =
    ["cow", "sheep", "zombie", "skeleton", "spider", "creeper", "parrot", "bee"];
const NAMES: [&str; 8] =
    ["rainbow", "princess", "steve", "johnny", "missy", "coward", "fairy", "howard"];

fn uuid(random: &mut Random) -> [u32; 4] {
    std::array::from_fn(|_| random.next() as u32)
}

fn point(random: &mut Random) -> Point {
    Point { x: random.unit(), y: random.unit(), z: random.unit() }
}

fn item(random: &mut Random) -> Item {
    Item { count: random.next() as i8, slot: random.next() as u8, id: random.text(&ITEMS) }
}

fn entity(random: &mut Random) -> Entity {
    Entity {
        id: random.text(&ANIMALS),
        pos: point(random),
        motion: point(random),
        rotation: Rotation { yaw: random.unit() as f32, pitch: random.unit() as f32 },
        fall_distance: random.unit() as f32,
        fire: random.next() as u16,
        air: random.next() as u16,
        on_ground: random.coin(),
        no_gravity: random.coin(),
        invulnerable: random.coin(),
        portal_cooldown: random.next() as i32,
        uuid: uuid(random),
        custom_name: random.optional(|random| random.text(&NAMES)),
        custom_name_visible: random.coin(),
        silent: random.coin(),
        glowing: random.coin(),
    }
}

fn abilities(random: &mut Random) -> Abilities {
    Abilities {
        walk_speed: random.unit() as f32,
        fly_speed: random.unit() as f32,
        may_fly: random.coin(),
        flying: random.coin(),
        invulnerable: random.coin(),
        may_build: random.coin(),
        instabuild: random.coin(),
    }
}

fn recipe_book(random: &mut Random) -> RecipeBook {
    RecipeBook {
        recipes: random.list(0, 30, |random| random.text(&RECIPES)),
        to_be_displayed: random.list(0, 10, |random| random.text(&RECIPES)),
        is_filtering_craftable: random.coin(),
        is_gui_open: random.coin(),
        is_furnace_filtering_craftable: random.coin(),
        is_furnace_gui_open: random.coin(),
        is_blasting_furnace_filtering_craftable: random.coin(),
        is_blasting_furnace_gui_open: random.coin(),
        is_smoker_filtering_craftable: random.coin(),
        is_smoker_gui_open: random.coin(),
    }
}

fn game_type(random: &mut Random) -> GameType {
    use GameType::{Adventure, Creative, Spectator, Survival};
    *random.one_of(&[Survival, Creative, Adventure, Spectator])
}

fn player(random: &mut Random) -> Player {
    Player {
        game_type: game_type(random),
        previous_game_type: game_type(random),
        score: random.next() as i64,
        dimension: random.text(&WORLDS),
        selected_item_slot: random.next() as u32,
        selected_item: item(random),
        spawn_dimension: random.optional(|random| random.text(&WORLDS)),
        spawn_x: random.next() as i64,
        spawn_y: random.next() as i64,
        spawn_z: random.next() as i64,
        spawn_forced: random.optional(Random::coin),
        sleep_timer: random.next() as u16,
        food_exhaustion_level: random.unit() as f32,
        food_saturation_level: random.unit() as f32,
        food_tick_timer: random.next() as u32,
        xp_level: random.next() as u32,
        xp_p: random.unit() as f32,
        xp_total: random.next() as i32,
        xp_seed: random.next() as i32,
        inventory: random.list(0, 40, item),
        ender_items: random.list(0, 27, item),
        abilities: abilities(random),
        entered_nether_position: random.optional(point),
        root_vehicle: random
            .optional(|random| Vehicle { uuid: uuid(random), entity: entity(random) }),
        shoulder_entity_left: random.optional(entity),
        shoulder_entity_right: random.optional(entity),
        seen_credits: random.coin(),
        recipe_book: recipe_book(random),
    }
}
