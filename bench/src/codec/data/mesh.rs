//! `mesh`: 125,000 triangles.

use super::{Random, everywhere};

const COUNT: usize = 125_000;

everywhere! {
    #[derive(Copy)]
    #[repr(C)]
    pub(crate) struct Vector3 {
        pub(crate) x: f32,
        pub(crate) y: f32,
        pub(crate) z: f32,
    }

    #[derive(Copy)]
    #[repr(C)]
    pub(crate) struct Triangle {
        pub(crate) v0: Vector3,
        pub(crate) v1: Vector3,
        pub(crate) v2: Vector3,
        pub(crate) normal: Vector3,
    }

    pub(crate) struct Mesh {
        pub(crate) triangles: Vec<Triangle>,
    }
}

// SAFETY: twelve f32 in `repr(C)`: no padding, and every pattern is a value.
unsafe impl serde_zap::pod_vec::Pod for Triangle {}

/// As serde-zap's authors advise for plain structs.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct ZapMesh {
    #[serde(with = "serde_zap::pod_vec")]
    pub(crate) triangles: Vec<Triangle>,
}

/// The triangles.
pub(crate) fn mesh() -> Mesh {
    let mut random = Random::new(2);
    let mut vector = || {
        let mut number = || random.unit() as f32;
        Vector3 { x: number(), y: number(), z: number() }
    };
    let triangles = (0..COUNT)
        .map(|_| Triangle { v0: vector(), v1: vector(), v2: vector(), normal: vector() })
        .collect();
    Mesh { triangles }
}
