//! Calls functions of a loaded library: in the worker, or in the caller's own process.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_void};

use barewire_runtime::shared_memory::Mapping;

use crate::library::{Give, Library, Slot};
use crate::mailbox::{ADDRESS, IN_ARENA, SCRATCH, Words};

/// The most handles that a worker gives out at a time.
const MAX_HANDLES: usize = 1 << 16;

/// How a call went, as a number.
pub(crate) mod status {
    pub(crate) const DONE: u32 = 0;
    pub(crate) const BAD_HANDLE: u32 = 1;
    pub(crate) const TEXT_TOO_LONG: u32 = 2;
    pub(crate) const NO_FUNCTION: u32 = 3;
    pub(crate) const BAD_ADDRESS: u32 = 4;
    pub(crate) const TOO_MANY_HANDLES: u32 = 5;
    /// The worker dies of the signal that is the result.
    pub(crate) const DYING: u32 = 6;
}

/// What a call gives back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answer {
    pub(crate) status: u32,
    pub(crate) errno: i32,
    pub(crate) result: u64,
}

impl Answer {
    fn failed(status: u32) -> Self {
        Self { status, ..Self::default() }
    }
}

/// Calls a function whose address and types are known.
pub(crate) enum Invoke {
    Typed(unsafe fn(*const c_void, &Words) -> u64),
    #[cfg(feature = "ffi")]
    Foreign(crate::dynamic::Foreign),
}

/// A function, ready to be called.
pub(crate) struct Loaded {
    pub(crate) address: *const c_void,
    pub(crate) slots: Vec<Slot>,
    pub(crate) text: bool,
    pub(crate) free: Option<*const c_void>,
    pub(crate) handle: Option<u32>,
    pub(crate) errno: bool,
    pub(crate) invoke: Invoke,
}

/// One entry of the table of handles.
struct Entry {
    generation: u32,
    kind: u32,
    pointer: *mut c_void,
}

/// Pointers of the library that the caller knows by number.
#[derive(Default)]
struct Handles {
    entries: Vec<Entry>,
    free: Vec<usize>,
    known: HashMap<(usize, u32), usize>,
}

impl Handles {
    /// The number of a pointer; 0 for null, `None` if there are too many.
    fn give(&mut self, pointer: *mut c_void, kind: u32) -> Option<u64> {
        if pointer.is_null() {
            return Some(0);
        }
        let key = (pointer.addr(), kind);
        let index = match self.known.get(&key) {
            Some(index) => *index,
            None => {
                let index = match self.free.pop() {
                    Some(index) => index,
                    None if self.entries.len() < MAX_HANDLES => {
                        let entry = Entry { generation: 0, kind: 0, pointer };
                        self.entries.push(entry);
                        self.entries.len() - 1
                    }
                    None => return None,
                };
                let entry = &mut self.entries[index];
                entry.generation = entry.generation.wrapping_add(1).max(1);
                (entry.kind, entry.pointer) = (kind, pointer);
                self.known.insert(key, index);
                index
            }
        };
        Some(u64::from(self.entries[index].generation) << 32 | index as u64)
    }

    /// The pointer behind a number of this kind.
    fn find(&self, number: u64, kind: u32) -> Option<*mut c_void> {
        let entry = self.entries.get((number & 0xffff_ffff) as usize)?;
        let holds = u64::from(entry.generation) == number >> 32 && entry.kind == kind;
        (holds && !entry.pointer.is_null()).then_some(entry.pointer)
    }

    fn end(&mut self, number: u64, kind: u32) {
        let index = (number & 0xffff_ffff) as usize;
        if let Some(pointer) = self.find(number, kind) {
            self.known.remove(&(pointer.addr(), kind));
            self.entries[index].pointer = std::ptr::null_mut();
            self.entries[index].kind = 0;
            self.free.push(index);
        }
    }
}

/// A loaded library, its handles, and the memory that its arguments stand in.
pub(crate) struct Engine {
    functions: Vec<Loaded>,
    handles: Handles,
    pub(crate) mailbox: Mapping,
    arena: Mapping,
}

// SAFETY: the pointers are those of a library that is called from one thread at a time, which
// whoever shares an engine between threads sees to; what a library may be called from is said in
// its own documentation, and in that of `Options::in_process`.
unsafe impl Send for Engine {}

/// Opens the first of these files that there is.
pub(crate) fn open(files: &[String]) -> Result<*mut c_void, String> {
    let mut told = Vec::new();
    for file in files {
        let name = CString::new(file.as_str()).map_err(|_| format!("{file:?}: a zero inside"))?;
        // SAFETY: a text that ends with a zero; what the library does when it is loaded is up to
        // those who name it.
        let opened = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if !opened.is_null() {
            return Ok(opened);
        }
        // SAFETY: no arguments; the text is copied before anything else is called.
        let text = unsafe { libc::dlerror() };
        if text.is_null() {
            told.push(format!("{file}: cannot be loaded"));
        } else {
            // SAFETY: `dlerror` gives text that ends with a zero.
            told.push(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
        }
    }
    Err(told.join("; "))
}

/// The address of a function of a library.
pub(crate) fn symbol(library: *mut c_void, name: &str) -> Result<*const c_void, String> {
    let text = CString::new(name).map_err(|_| format!("{name:?}: a zero inside"))?;
    // SAFETY: a library that `open` gave, and a text that ends with a zero.
    let found = unsafe { libc::dlsym(library, text.as_ptr()) };
    if found.is_null() { Err(format!("the library has no `{name}`")) } else { Ok(found) }
}

impl Engine {
    pub(crate) fn new(functions: Vec<Loaded>, mailbox: Mapping, arena: Mapping) -> Self {
        Self { functions, handles: Handles::default(), mailbox, arena }
    }

    /// Finds all functions of a library.
    pub(crate) fn load(library: &Library, files: &[String]) -> Result<Vec<Loaded>, String> {
        let opened = if files.is_empty() { std::ptr::null_mut() } else { open(files)? };
        let find = |name: &str, linked: Option<fn() -> *const c_void>| match linked {
            Some(linked) if files.is_empty() => Ok(linked()),
            _ => symbol(opened, name),
        };
        let mut functions = Vec::new();
        let mut missing = Vec::new();
        for function in library.functions {
            let (free, handle) = match function.give {
                Give::Text { free: Some(free) } => (Some(find(free.symbol, free.address)), None),
                Give::Handle { kind } => (None, Some(kind)),
                _ => (None, None),
            };
            let address = find(function.symbol, function.address);
            let (address, free) = match (address, free.transpose()) {
                (Ok(address), Ok(free)) => (address, free),
                (Err(told), _) | (_, Err(told)) => {
                    missing.push(told);
                    continue;
                }
            };
            functions.push(Loaded {
                address,
                slots: function.slots.to_vec(),
                text: matches!(function.give, Give::Text { .. }),
                free,
                handle,
                errno: function.errno,
                invoke: Invoke::Typed(function.call),
            });
        }
        if missing.is_empty() { Ok(functions) } else { Err(missing.join("; ")) }
    }

    /// The pointer that an address stands for.
    fn pointer(&self, address: u64) -> Option<*mut u8> {
        if address == 0 {
            return Some(std::ptr::null_mut());
        }
        if address & ADDRESS == 0 {
            return None;
        }
        let offset = usize::try_from(address & (IN_ARENA - 1)).ok()?;
        let (map, offset) = match address & IN_ARENA {
            0 => (&self.mailbox, offset.checked_add(SCRATCH)?),
            _ => (&self.arena, offset),
        };
        (offset <= map.len()).then(|| map.bytes(offset, 0))
    }

    /// Makes one call.
    ///
    /// # Safety
    ///
    /// The function is what its prototype says, and the arguments are such as it wants.
    pub(crate) unsafe fn call(&mut self, function: u32, words: &Words, text: [u64; 2]) -> Answer {
        let Some(loaded) = self.functions.get(function as usize) else {
            return Answer::failed(status::NO_FUNCTION);
        };
        let mut real = *words;
        let mut cells = [std::ptr::null_mut::<c_void>(); barewire_schema::c::MAX_PARAMETERS];
        for (index, slot) in loaded.slots.iter().enumerate() {
            let pointer = match *slot {
                Slot::Value => continue,
                Slot::Memory => match self.pointer(words[index]) {
                    Some(pointer) => pointer.cast::<c_void>(),
                    None => return Answer::failed(status::BAD_ADDRESS),
                },
                Slot::Handle { .. } if words[index] == 0 => std::ptr::null_mut(),
                Slot::Handle { kind, .. } => match self.handles.find(words[index], kind) {
                    Some(pointer) => pointer,
                    None => return Answer::failed(status::BAD_HANDLE),
                },
                Slot::NewHandle { .. } => (&raw mut cells[index]).cast(),
            };
            real[index] = pointer.expose_provenance() as u64;
        }
        if loaded.errno {
            // SAFETY: the thread's own `errno`.
            let place = unsafe { libc::__errno_location() };
            // SAFETY: as above.
            unsafe { *place = 0 };
        }
        let result = match &loaded.invoke {
            // SAFETY: the caller's promise; the types are those of the prototype.
            Invoke::Typed(call) => unsafe { call(loaded.address, &real) },
            #[cfg(feature = "ffi")]
            // SAFETY: as above.
            Invoke::Foreign(foreign) => unsafe { foreign.call(loaded.address, &real) },
        };
        let mut answer = Answer { result, ..Answer::default() };
        if loaded.errno {
            // SAFETY: the thread's own `errno`.
            let place = unsafe { libc::__errno_location() };
            // SAFETY: as above.
            answer.errno = unsafe { *place };
        }
        // SAFETY: the library has just returned this result.
        unsafe { self.settle(function, words, &cells, text, answer) }
    }

    /// Copies text out, and gives numbers to handles.
    ///
    /// # Safety
    ///
    /// The answer is what the function has just returned.
    unsafe fn settle(
        &mut self,
        function: u32,
        words: &Words,
        cells: &[*mut c_void],
        text: [u64; 2],
        mut answer: Answer,
    ) -> Answer {
        let loaded = &self.functions[function as usize];
        for (index, slot) in loaded.slots.iter().enumerate() {
            match *slot {
                Slot::Handle { kind, take: true } => self.handles.end(words[index], kind),
                Slot::NewHandle { kind } => {
                    let Some(number) = self.handles.give(cells[index], kind) else {
                        return Answer::failed(status::TOO_MANY_HANDLES);
                    };
                    match self.pointer(words[index]) {
                        // SAFETY: the caller has set eight bytes aside there.
                        Some(place) if !place.is_null() => unsafe {
                            place.cast::<u64>().write_unaligned(number);
                        },
                        _ => return Answer::failed(status::BAD_ADDRESS),
                    }
                }
                _ => {}
            }
        }
        let result = std::ptr::with_exposed_provenance_mut::<c_void>(answer.result as usize);
        if let Some(kind) = loaded.handle {
            match self.handles.give(result, kind) {
                Some(number) => answer.result = number,
                None => return Answer::failed(status::TOO_MANY_HANDLES),
            }
        }
        if loaded.text && !result.is_null() {
            // SAFETY: the prototype says that it is text that ends with a zero.
            let found = unsafe { CStr::from_ptr(result.cast::<c_char>()) }.to_bytes();
            let place = self.pointer(text[0]);
            match place {
                Some(place) if !place.is_null() && found.len() as u64 <= text[1] => {
                    // SAFETY: the caller has set that many bytes aside there.
                    unsafe { place.copy_from_nonoverlapping(found.as_ptr(), found.len()) };
                    answer.result = found.len() as u64 + 1;
                }
                _ => answer.status = status::TEXT_TOO_LONG,
            }
            if let Some(free) = loaded.free {
                // SAFETY: the prototype names a function that takes the pointer and frees it.
                let free = unsafe {
                    std::mem::transmute::<*const c_void, extern "C" fn(*mut c_void)>(free)
                };
                free(result);
            }
        }
        answer
    }
}
