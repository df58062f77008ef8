//! zlib in a process of its own: compresses a file, restores it, and compares with zlib in here.
//!
//! `cargo run --release --features farscape --example farscape_zlib [-- FILE]`

use std::time::Instant;

use barewire::farscape::{Options, serve};

barewire::farscape! {
    library Zlib = "libz.so.1", "libz.so";

    cstr static const char *zlibVersion(void);
    pure unsigned long compressBound(unsigned long sourceLen);
    pure int compress2(
        out cap(destLen) unsigned char *dest, inout unsigned long *destLen,
        in len(sourceLen) const unsigned char *source, unsigned long sourceLen, int level);
    pure int uncompress(
        out cap(destLen) unsigned char *dest, inout unsigned long *destLen,
        in len(sourceLen) const unsigned char *source, unsigned long sourceLen);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    serve(&[Zlib::LIBRARY]); // becomes the worker, if this process is to be one

    let path = std::env::args().nth(1).unwrap_or_else(|| "Cargo.lock".to_owned());
    let text = std::fs::read(&path)?;
    let room = text.len() * 4 + (4 << 20);
    let apart = Zlib::start(&Options::processes(1).arena_bytes(room))?;
    // SAFETY: these are zlib's prototypes, and these functions may be called from any thread.
    let options = unsafe { Options::in_process() };
    let here = Zlib::start(&options.arena_bytes(room))?;

    let compressed = |zlib: &Zlib| -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let mut packed = vec![0_u8; zlib.compressBound(text.len() as u64)? as usize];
        let begin = Instant::now();
        let (status, written) = zlib.compress2(&mut packed, &text, 6)?;
        println!("{} bytes to {written} in {:?}", text.len(), begin.elapsed());
        assert_eq!(status, 0, "zlib says so");
        packed.truncate(written);
        Ok(packed)
    };
    let version = apart.zlibVersion()?.unwrap_or_default();
    println!(
        "zlib {} in process {:?}",
        version.to_string_lossy(),
        apart.instance().idle_processes()
    );
    let (mine, others) = (compressed(&here)?, compressed(&apart)?);
    assert_eq!(mine, others, "the same bytes, wherever zlib runs");

    let mut restored = vec![0_u8; text.len()];
    let (status, written) = apart.uncompress(&mut restored, &others)?;
    assert_eq!((status, written), (0, text.len()));
    assert_eq!(restored, text);
    println!("{path}: restored, byte for byte");
    Ok(())
}
