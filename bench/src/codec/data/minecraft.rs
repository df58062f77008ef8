//! `minecraft_savedata`: 500 saved players of a game.

use super::{Random, borrowed, everywhere};

const COUNT: usize = 500;

everywhere! {
    #[derive(Copy)]
    pub(crate) enum GameType {
        Survival,
        Creative,
        Adventure,
        Spectator,
    }

    #[derive(Copy)]
    pub(crate) struct Abilities {
        pub(crate) walk_speed: f32,
        pub(crate) fly_speed: f32,
        pub(crate) may_fly: bool,
        pub(crate) flying: bool,
        pub(crate) invulnerable: bool,
        pub(crate) may_build: bool,
        pub(crate) instabuild: bool,
    }

    #[derive(Copy)]
    #[repr(C)]
    pub(crate) struct Point {
        pub(crate) x: f64,
        pub(crate) y: f64,
        pub(crate) z: f64,
    }

    #[derive(Copy)]
    #[repr(C)]
    pub(crate) struct Rotation {
        pub(crate) yaw: f32,
        pub(crate) pitch: f32,
    }
}

everywhere! {
    pub(crate) struct Item {
        pub(crate) count: i8,
        pub(crate) slot: u8,
        #[bare(max = 32)]
        pub(crate) id: String,
    }

    pub(crate) struct Entity {
        #[bare(max = 32)]
        pub(crate) id: String,
        pub(crate) pos: Point,
        pub(crate) motion: Point,
        pub(crate) rotation: Rotation,
        pub(crate) fall_distance: f32,
        pub(crate) fire: u16,
        pub(crate) air: u16,
        pub(crate) on_ground: bool,
        pub(crate) no_gravity: bool,
        pub(crate) invulnerable: bool,
        pub(crate) portal_cooldown: i32,
        pub(crate) uuid: [u32; 4],
        #[bare(max = 32)]
        pub(crate) custom_name: Option<String>,
        pub(crate) custom_name_visible: bool,
        pub(crate) silent: bool,
        pub(crate) glowing: bool,
    }

    pub(crate) struct Vehicle {
        pub(crate) uuid: [u32; 4],
        pub(crate) entity: Entity,
    }

    pub(crate) struct RecipeBook {
        #[bare(max = 64, item(max = 32))]
        pub(crate) recipes: Vec<String>,
        #[bare(max = 64, item(max = 32))]
        pub(crate) to_be_displayed: Vec<String>,
        pub(crate) is_filtering_craftable: bool,
        pub(crate) is_gui_open: bool,
        pub(crate) is_furnace_filtering_craftable: bool,
        pub(crate) is_furnace_gui_open: bool,
        pub(crate) is_blasting_furnace_filtering_craftable: bool,
        pub(crate) is_blasting_furnace_gui_open: bool,
        pub(crate) is_smoker_filtering_craftable: bool,
        pub(crate) is_smoker_gui_open: bool,
    }

    pub(crate) struct Player {
        pub(crate) game_type: GameType,
        pub(crate) previous_game_type: GameType,
        pub(crate) score: i64,
        #[bare(max = 32)]
        pub(crate) dimension: String,
        pub(crate) selected_item_slot: u32,
        pub(crate) selected_item: Item,
        #[bare(max = 32)]
        pub(crate) spawn_dimension: Option<String>,
        pub(crate) spawn_x: i64,
        pub(crate) spawn_y: i64,
        pub(crate) spawn_z: i64,
        pub(crate) spawn_forced: Option<bool>,
        pub(crate) sleep_timer: u16,
        pub(crate) food_exhaustion_level: f32,
        pub(crate) food_saturation_level: f32,
        pub(crate) food_tick_timer: u32,
        pub(crate) xp_level: u32,
        pub(crate) xp_p: f32,
        pub(crate) xp_total: i32,
        pub(crate) xp_seed: i32,
        #[bare(max = 64)]
        pub(crate) inventory: Vec<Item>,
        #[bare(max = 64)]
        pub(crate) ender_items: Vec<Item>,
        pub(crate) abilities: Abilities,
        pub(crate) entered_nether_position: Option<Point>,
        pub(crate) root_vehicle: Option<Vehicle>,
        pub(crate) shoulder_entity_left: Option<Entity>,
        pub(crate) shoulder_entity_right: Option<Entity>,
        pub(crate) seen_credits: bool,
        pub(crate) recipe_book: RecipeBook,
    }

    pub(crate) struct Players {
        pub(crate) players: Vec<Player>,
    }
}

borrowed! {
    pub(crate) struct ItemRef<'a> {
        pub(crate) count: i8,
        pub(crate) slot: u8,
        pub(crate) id: &'a str,
    }

    pub(crate) struct EntityRef<'a> {
        pub(crate) id: &'a str,
        pub(crate) pos: Point,
        pub(crate) motion: Point,
        pub(crate) rotation: Rotation,
        pub(crate) fall_distance: f32,
        pub(crate) fire: u16,
        pub(crate) air: u16,
        pub(crate) on_ground: bool,
        pub(crate) no_gravity: bool,
        pub(crate) invulnerable: bool,
        pub(crate) portal_cooldown: i32,
        pub(crate) uuid: [u32; 4],
        #[serde(borrow)]
        pub(crate) custom_name: Option<&'a str>,
        pub(crate) custom_name_visible: bool,
        pub(crate) silent: bool,
        pub(crate) glowing: bool,
    }

    pub(crate) struct VehicleRef<'a> {
        pub(crate) uuid: [u32; 4],
        #[serde(borrow)]
        pub(crate) entity: EntityRef<'a>,
    }

    pub(crate) struct RecipeBookRef<'a> {
        #[serde(borrow)]
        pub(crate) recipes: Vec<&'a str>,
        #[serde(borrow)]
        pub(crate) to_be_displayed: Vec<&'a str>,
        pub(crate) is_filtering_craftable: bool,
        pub(crate) is_gui_open: bool,
        pub(crate) is_furnace_filtering_craftable: bool,
        pub(crate) is_furnace_gui_open: bool,
        pub(crate) is_blasting_furnace_filtering_craftable: bool,
        pub(crate) is_blasting_furnace_gui_open: bool,
        pub(crate) is_smoker_filtering_craftable: bool,
        pub(crate) is_smoker_gui_open: bool,
    }

    pub(crate) struct PlayerRef<'a> {
        pub(crate) game_type: GameType,
        pub(crate) previous_game_type: GameType,
        pub(crate) score: i64,
        pub(crate) dimension: &'a str,
        pub(crate) selected_item_slot: u32,
        #[serde(borrow)]
        pub(crate) selected_item: ItemRef<'a>,
        #[serde(borrow)]
        pub(crate) spawn_dimension: Option<&'a str>,
        pub(crate) spawn_x: i64,
        pub(crate) spawn_y: i64,
        pub(crate) spawn_z: i64,
        pub(crate) spawn_forced: Option<bool>,
        pub(crate) sleep_timer: u16,
        pub(crate) food_exhaustion_level: f32,
        pub(crate) food_saturation_level: f32,
        pub(crate) food_tick_timer: u32,
        pub(crate) xp_level: u32,
        pub(crate) xp_p: f32,
        pub(crate) xp_total: i32,
        pub(crate) xp_seed: i32,
        #[serde(borrow)]
        pub(crate) inventory: Vec<ItemRef<'a>>,
        #[serde(borrow)]
        pub(crate) ender_items: Vec<ItemRef<'a>>,
        pub(crate) abilities: Abilities,
        pub(crate) entered_nether_position: Option<Point>,
        #[serde(borrow)]
        pub(crate) root_vehicle: Option<VehicleRef<'a>>,
        #[serde(borrow)]
        pub(crate) shoulder_entity_left: Option<EntityRef<'a>>,
        #[serde(borrow)]
        pub(crate) shoulder_entity_right: Option<EntityRef<'a>>,
        pub(crate) seen_credits: bool,
        #[serde(borrow)]
        pub(crate) recipe_book: RecipeBookRef<'a>,
    }

    pub(crate) struct PlayersRef<'a> {
        #[serde(borrow)]
        pub(crate) players: Vec<PlayerRef<'a>>,
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
