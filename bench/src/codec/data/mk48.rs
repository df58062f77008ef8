//! `mk48`: 1,000 updates of what a player of a game sees.

use super::{Random, everywhere};

const COUNT: usize = 1_000;

everywhere! {
    #[derive(Copy)]
    pub(crate) enum EntityType {
        ArleighBurke,
        Bismarck,
        Clemenceau,
        Fletcher,
        G5,
        Iowa,
        Kolkata,
        Osa,
        Yasen,
        Zubr,
    }

    #[derive(Copy)]
    #[repr(C)]
    pub(crate) struct Position {
        pub(crate) x: f32,
        pub(crate) y: f32,
    }

    #[derive(Copy)]
    pub(crate) struct Transform {
        pub(crate) altitude: i8,
        pub(crate) angle: u16,
        pub(crate) position: Position,
        pub(crate) velocity: i16,
    }

    #[derive(Copy)]
    pub(crate) struct Guidance {
        pub(crate) angle: u16,
        pub(crate) submerge: bool,
        pub(crate) velocity: i16,
    }

    pub(crate) struct Contact {
        pub(crate) damage: u8,
        pub(crate) entity_id: u32,
        pub(crate) entity_type: Option<EntityType>,
        pub(crate) guidance: Guidance,
        pub(crate) player_id: Option<u16>,
        #[bare(max = 32)]
        pub(crate) reloads: Vec<bool>,
        pub(crate) transform: Transform,
        #[bare(max = 8)]
        pub(crate) turret_angles: Vec<u16>,
    }

    #[derive(Copy)]
    #[repr(C)]
    pub(crate) struct ChunkId {
        pub(crate) x: i8,
        pub(crate) y: i8,
    }

    pub(crate) struct TerrainUpdate {
        pub(crate) chunk_id: ChunkId,
        #[bare(max = 1100)]
        pub(crate) data: Vec<u8>,
    }

    pub(crate) struct Update {
        #[bare(max = 40)]
        pub(crate) contacts: Vec<Contact>,
        pub(crate) score: u32,
        pub(crate) world_radius: f32,
        #[bare(max = 10)]
        pub(crate) terrain_updates: Vec<TerrainUpdate>,
    }

    pub(crate) struct Updates {
        pub(crate) updates: Vec<Update>,
    }
}

/// How often each is seen, and how many weapons and turrets it has.
const SHIPS: [(EntityType, f64, i64, i64); 10] = [
    (EntityType::ArleighBurke, 2.1, 20, 1),
    (EntityType::Bismarck, 0.5, 10, 4),
    (EntityType::Clemenceau, 1.0, 16, 4),
    (EntityType::Fletcher, 1.5, 18, 4),
    (EntityType::G5, 13.2, 2, 0),
    (EntityType::Iowa, 1.5, 28, 3),
    (EntityType::Kolkata, 0.8, 15, 1),
    (EntityType::Osa, 7.3, 6, 2),
    (EntityType::Yasen, 4.1, 14, 0),
    (EntityType::Zubr, 12.9, 11, 3),
];

/// The updates.
pub(crate) fn updates() -> Updates {
    let mut random = Random::new(4);
    Updates { updates: (0..COUNT).map(|_| update(&mut random)).collect() }
}

fn update(random: &mut Random) -> Update {
    let players = random.range(200..400);
    let world_radius = (players as f32 * 15_000.0).sqrt() + random.range(-50..50) as f32;
    Update {
        contacts: random.list(20, 40, |random| contact(random, players)),
        score: (random.unit().powi(4) * 5_000.0) as u32,
        world_radius,
        terrain_updates: random.list(3, 10, terrain),
    }
}

fn ship(random: &mut Random) -> (EntityType, i64, i64) {
    let all: f64 = SHIPS.iter().map(|ship| ship.1).sum();
    let mut left = random.unit() * all;
    for (kind, often, weapons, turrets) in SHIPS {
        left -= often;
        if left < 0.0 {
            return (kind, weapons, turrets);
        }
    }
    (EntityType::Zubr, 11, 3)
}

fn velocity(random: &mut Random) -> i16 {
    let velocity = match random.range(0..10) {
        0..=7 => random.range(140..900),
        8 => 0,
        _ => random.range(-225..-35),
    };
    velocity as i16
}

fn contact(random: &mut Random, players: i64) -> Contact {
    let (kind, weapons, turrets) = ship(random);
    let seen = random.chance(0.7);
    let ready = random.unit();
    let (weapons, turrets) = if seen { (weapons, turrets) } else { (0, 0) };
    let under = kind == EntityType::Yasen && random.chance(0.9);
    let whole = seen && random.chance(0.6);
    Contact {
        damage: if whole { 0 } else { random.range(0..200) as u8 },
        entity_id: random.range(0..players * 20) as u32,
        entity_type: seen.then_some(kind),
        guidance: Guidance {
            angle: random.next() as u16,
            submerge: under,
            velocity: velocity(random),
        },
        player_id: seen.then(|| random.range(0..players) as u16),
        reloads: (0..weapons).map(|_| random.chance(ready)).collect(),
        transform: Transform {
            altitude: if under { random.range(-120..-35) as i8 } else { 0 },
            angle: random.next() as u16,
            position: Position {
                x: (random.unit() * 1_500.0 - 750.0) as f32,
                y: (random.unit() * 1_500.0 - 750.0) as f32,
            },
            velocity: velocity(random),
        },
        turret_angles: (0..turrets).map(|_| random.next() as u16).collect(),
    }
}

fn terrain(random: &mut Random) -> TerrainUpdate {
    let (least, most) = if random.chance(0.02) { (900, 1_100) } else { (3, 9) };
    TerrainUpdate {
        chunk_id: ChunkId { x: random.range(-2..2) as i8, y: random.range(-2..2) as i8 },
        data: random.list(least, most, |random| random.next() as u8),
    }
}
